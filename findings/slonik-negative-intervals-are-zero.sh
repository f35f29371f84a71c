#!/usr/bin/env bash
# Slonik gives an interval as a number of seconds. Every negative part of it counts as nothing: thirty minutes too early are 0, and a day
# back and two hours on, which PostgreSQL takes for -79,200 seconds, are 0 too. A month has 31 days there (30 in PostgreSQL).
#
# Versions: slonik 47.3.2 (npm), PostgreSQL 16.2 (pgserver 0.1.4, PyPI)
# Seen:
#   00:30:00: 1800 seconds in PostgreSQL, 1800 in Slonik
#   -00:30:00: -1800 seconds in PostgreSQL, 0 in Slonik
#   -5 days: -432000 seconds in PostgreSQL, 0 in Slonik
#   -1 days +02:00:00: -79200 seconds in PostgreSQL, 0 in Slonik
#   1 mon: 2592000 seconds in PostgreSQL, 2678400 in Slonik
# For whom: services in Node.js that ask how long a course took or how far a deadline is: what is overdue is due now, and who completed
# before enrolling, a sign of wrong data, took no time.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pgserver==0.1.4
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund slonik@47.3.2
cat >ask.mjs <<'NODE'
import assert from 'node:assert'
import { createPool, sql } from 'slonik'

const pool = await createPool(`postgres://postgres@${encodeURIComponent(process.argv[2])}/postgres?sslmode=disable`)
const rows = await pool.any(sql.unsafe`
  select took, took::text as words, extract(epoch from took)::int as seconds
  from unnest(array['30 minutes', '-30 minutes', '-5 days', '-1 day 2 hours', '1 month']::interval[]) as course (took)`)
await pool.end()
for (const row of rows) console.log(`${row.words}: ${row.seconds} seconds in PostgreSQL, ${row.took} in Slonik`)
assert.deepEqual(rows.map(row => row.seconds), [1800, -1800, -432000, -79200, 2592000])
assert.deepEqual(rows.map(row => row.took), [1800, 0, 0, 0, 2678400], 'the behaviour has changed')
NODE
venv/bin/python -W ignore - <<'PYTHON'
import subprocess
import pgserver

server = pgserver.get_server("data")
ended = subprocess.run(["node", "ask.mjs", str(server.pgdata)]).returncode
server.cleanup()
raise SystemExit(ended)
PYTHON
