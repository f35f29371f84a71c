#!/usr/bin/env bash
# Prometheus answers a value beyond all numbers as the text +Inf or -Inf: a ratio over no batches, or a quantile beyond the last bound of a
# histogram. prometheus-query, the client of Node.js, makes NaN of both, and of NaN too, so that "without bound" reads as "not known".
# A comparison such as "above 0.9" then is false. The plain Infinity of JavaScript would be there.
#
# Versions: prometheus-query 3.5.1 (npm); the answers are those of a Prometheus' API, from a server in the script
# Seen:
#   0.5: 0.5; +Inf: NaN, above 0.9: false; -Inf: NaN; NaN: NaN
# For whom: alerts and pages in Node.js that divide by counts that may be 0, or ask histogram_quantile.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund prometheus-query@3.5.1
cat >ask.mjs <<'NODE'
import assert from 'node:assert'
import { createServer } from 'node:http'
import client from 'prometheus-query'

const values = ['0.5', '+Inf', '-Inf', 'NaN']
const result = values.map((value, at) => ({ metric: { tenant_id: String(at) }, value: [1795910400, value] }))
const server = createServer((_, answer) => {
  answer.setHeader('content-type', 'application/json')
  answer.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }))
})
await new Promise(started => server.listen(0, '127.0.0.1', started))
const prometheus = new client.PrometheusDriver({ endpoint: `http://127.0.0.1:${server.address().port}` })
const seen = (await prometheus.instantQuery('downloads / batches')).result.map(sample => sample.value.value)
server.close()
console.log(values.map((value, at) => `${value}: ${seen[at]}${value === '+Inf' ? `, above 0.9: ${seen[at] > 0.9}` : ''}`).join('; '))
assert.deepEqual(seen, [0.5, NaN, NaN, NaN], 'the behaviour has changed')
NODE
node ask.mjs
