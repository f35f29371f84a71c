#!/usr/bin/env bash
# ts-postgres asks for values in PostgreSQL's binary form and knows that of some types alone. A value of any other type is null, like one
# that is missing: each numeric, so also avg() and sum() of bigint, and each interval and time of day. There is no error and no warning.
# node-postgres gives the same values as texts.
#
# Versions: ts-postgres 2.0.4, pg 8.23.1 (npm), PostgreSQL 16.2 (pgserver 0.1.4, PyPI)
# Seen:
#   ts-postgres: {"users":3,"average":null,"total":null,"price":null,"took":null,"starts":null}
#   node-postgres: {"users":"3","average":"50.0000000000000000","total":"150","price":"12.50","took":{"days":2},"starts":"09:30:00"}
# For whom: dashboards in Node.js that show averages and sums, and take null for "no data".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pgserver==0.1.4
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund ts-postgres@2.0.4 pg@8.23.1
cat >ask.mjs <<'NODE'
import assert from 'node:assert'
import pg from 'pg'
import { connect } from 'ts-postgres'

const server = { host: process.argv[2], user: 'postgres', database: 'postgres' }
const question = `select count(*) as users, avg(percent) as average, sum(percent) as total, 12.50::numeric(6, 2) as price,
  interval '2 days' as took, time '09:30' as starts from (values (0::bigint), (50), (100)) as progress (percent)`
const text = row => JSON.stringify(row, (_, value) => typeof value === 'bigint' ? Number(value) : value)
const ours = await connect(server)
const answer = await ours.query(question)
await ours.end()
const seen = text(Object.fromEntries(answer.names.map((name, at) => [name, answer.rows[0][at]])))
const other = new pg.Client(server)
await other.connect()
const right = text((await other.query(question)).rows[0])
await other.end()
console.log(`ts-postgres: ${seen}`)
console.log(`node-postgres: ${right}`)
assert.equal(seen, '{"users":3,"average":null,"total":null,"price":null,"took":null,"starts":null}', 'the behaviour has changed')
assert.equal(right, '{"users":"3","average":"50.0000000000000000","total":"150","price":"12.50","took":{"days":2},"starts":"09:30:00"}', 'the behaviour has changed')
NODE
venv/bin/python -W ignore - <<'PYTHON'
import subprocess
import pgserver

server = pgserver.get_server("data")
ended = subprocess.run(["node", "ask.mjs", str(server.pgdata)]).returncode
server.cleanup()
raise SystemExit(ended)
PYTHON
