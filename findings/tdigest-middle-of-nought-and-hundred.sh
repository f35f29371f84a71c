#!/usr/bin/env bash
# tdigest keeps equal values as one point and draws a line from point to point, also where nothing lies between. Progress is 0 or 100 for most
# learners: of 60 at 0 and 40 at 100, the median is 40, and with 99 at 0 and 1 at 100, three quarters of them are said to lie below 51. How
# many are at 0 or below is half of what it is. Summaries of prom-client are computed by it.
#
# Versions: tdigest 0.1.3, prom-client 15.1.3 (npm)
# Seen:
#   60 at 0, 40 at 100: median 40, 75th percentile 90, share up to 0: 0.3 (0, 100, 0.6)
#   99 at 0, 1 at 100: median 1, 75th percentile 51, share up to 0: 0.495 (0, 0, 0.99)
#   prom-client, 99 at 0, 1 at 100: quantile 0.75 is 51
# For whom: dashboards in Node.js that show percentiles of progress or scores, or of times that are mostly one and the same.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund tdigest@0.1.3 prom-client@15.1.3
cat >percentiles.cjs <<'NODE'
const assert = require('node:assert')
const { TDigest } = require('tdigest')
const { Summary } = require('prom-client')

const progress = (none, all) => [...Array(none).fill(0), ...Array(all).fill(100)]
const expected = [[60, 40, [40, 90, 0.3], '0, 100, 0.6'], [99, 1, [1, 51, 0.495], '0, 0, 0.99']]
for (const [none, all, answers, exact] of expected) {
  const digest = new TDigest()
  progress(none, all).forEach(percent => digest.push(percent))
  digest.compress()
  const seen = [digest.percentile(0.5), digest.percentile(0.75), digest.p_rank(0)]
  console.log(`${none} at 0, ${all} at 100: median ${seen[0]}, 75th percentile ${seen[1]}, share up to 0: ${seen[2]} (${exact})`)
  assert.deepEqual(seen, answers, 'the behaviour has changed')
}

async function main() {
  const summary = new Summary({ name: 'progress_percent', help: 'Progress of learners.', percentiles: [0.75] })
  progress(99, 1).forEach(percent => summary.observe(percent))
  const { values } = await summary.get()
  const quantile = values.find(value => value.labels.quantile === 0.75).value
  console.log(`prom-client, 99 at 0, 1 at 100: quantile 0.75 is ${quantile}`)
  assert.equal(quantile, 51, 'the behaviour has changed')
}
main().catch(error => { console.error(error); process.exit(1) })
NODE
node percentiles.cjs
