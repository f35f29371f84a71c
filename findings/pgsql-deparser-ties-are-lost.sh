#!/usr/bin/env bash
# pgsql-deparser writes SQL from the tree that PostgreSQL's own parser made of it. WITH TIES, which keeps all learners who share the last place,
# is left out, so that some of them are cut off at random; and so is DISTINCT of GROUP BY, without which rows of totals come several times.
#
# Versions: pgsql-deparser 18.3.8, pgsql-parser 18.2.8 (npm)
# Seen:
#   select name from results order by score desc fetch first 3 rows with ties
#     -> SELECT name FROM results ORDER BY score DESC LIMIT 3
#   select block, sum(score) from results group by distinct rollup (block), rollup (block)
#     -> SELECT block, sum(score) FROM results GROUP BY ROLLUP (block), ROLLUP (block)
# For whom: services that parse the SQL of their users to add a condition, such as the tenant, and send on what is written again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund pgsql-deparser@18.3.8 pgsql-parser@18.2.8
cat >again.cjs <<'NODE'
const assert = require('node:assert')
const { parse } = require('pgsql-parser')
const { deparse } = require('pgsql-deparser')

const expected = {
  'select name from results order by score desc fetch first 3 rows with ties':
    'SELECT name FROM results ORDER BY score DESC LIMIT 3',
  'select block, sum(score) from results group by distinct rollup (block), rollup (block)':
    'SELECT block, sum(score) FROM results GROUP BY ROLLUP (block), ROLLUP (block)',
}
async function main() {
  for (const [sql, written] of Object.entries(expected)) {
    const again = (await deparse(await parse(sql))).replace(/\s+/g, ' ').trim()
    console.log(`${sql}\n  -> ${again}`)
    assert.equal(again, written, 'the behaviour has changed')
  }
}
main().catch(error => { console.error(error); process.exit(1) })
NODE
node again.cjs
