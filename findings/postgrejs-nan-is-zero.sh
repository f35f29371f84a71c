#!/usr/bin/env bash
# postgrejs reads PostgreSQL's numeric as a JavaScript number. NaN, which a numeric can be, becomes 0: a ratio that has no value looks like
# one that is zero, and an average over such values falls. Of ids of 20 digits, the last ones are lost, though bigint comes whole.
#
# Versions: postgrejs 2.23.1 (npm), PostgreSQL 16.2 (pgserver 0.1.4, PyPI)
# Seen:
#   PostgreSQL: ratio NaN, two ids of 20 digits equal: false
#   postgrejs: ratio 0, as double precision NaN, two ids of 20 digits equal: true
# For whom: services in Node.js that read ratios, or ids kept as numeric, by this driver.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pgserver==0.1.4
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund postgrejs@2.23.1
cat >ask.mjs <<'NODE'
import assert from 'node:assert'
import { Connection } from 'postgrejs'

const connection = new Connection({ host: process.argv[2], user: 'postgres', database: 'postgres' })
await connection.connect()
const answer = await connection.query(`select ratio, ratio::float8, ratio::text, id, id + 1, id = id + 1
  from (select 'NaN'::numeric as ratio, 13250000489044340761::numeric as id) as batch`)
await connection.close()
const [ratio, float, words, id, next, same] = answer.rows[0]
console.log(`PostgreSQL: ratio ${words}, two ids of 20 digits equal: ${same}`)
console.log(`postgrejs: ratio ${ratio}, as double precision ${float}, two ids of 20 digits equal: ${id === next}`)
assert.deepEqual([ratio, float, words, id === next, same], [0, NaN, 'NaN', true, false], 'the behaviour has changed')
NODE
venv/bin/python -W ignore - <<'PYTHON'
import subprocess
import pgserver

server = pgserver.get_server("data")
ended = subprocess.run(["node", "ask.mjs", str(server.pgdata)]).returncode
server.cleanup()
raise SystemExit(ended)
PYTHON
