#!/usr/bin/env bash
# The client services of Sunbird filter lists of contents by conditions that a site keeps in its forms. The condition >= is carried out as <=:
# of contents with 5 to 9 parts, "at least 8" keeps those with 5, 6, 7 and 8.
#
# Versions: @project-sunbird/client-services 8.1.4 (npm)
# Seen:
#   leafNodesCount <= 8: 5, 6, 7, 8
#   leafNodesCount >= 8: 5, 6, 7, 8
#   leafNodesCount == 8: 8
# For whom: sites that show contents by a number, such as those with many parts, or of at least some compatibility level.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @project-sunbird/client-services@8.1.4
cat >filter.cjs <<'NODE'
const assert = require('node:assert')
globalThis.window = globalThis
const { Aggregator } = require('@project-sunbird/client-services/utilities/aggregator')

const contents = [5, 6, 7, 8, 9].map(leafNodesCount => ({ leafNodesCount }))
const expected = { '<=': [5, 6, 7, 8], '>=': [5, 6, 7, 8], '==': [8] }
for (const [operation, counts] of Object.entries(expected)) {
  const kept = Aggregator.filtered(contents, [{ leafNodesCount: { operation, value: 8 } }]).map(content => content.leafNodesCount)
  console.log(`leafNodesCount ${operation} 8: ${kept.join(', ')}`)
  assert.deepEqual(kept, counts, 'the behaviour has changed')
}
NODE
node filter.cjs
