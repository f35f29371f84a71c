#!/usr/bin/env bash
# The progress of one content, as Sunbird's client services compute it for the player: a video, PDF or EPUB of which more than a fifth
# was visited is at 100, also one whose last page was opened first; one of exactly a fifth keeps its percent. An interactive lesson
# (ECML) or a link is at 0 until it is at 100, an H5P or HTML one at 100 once it was begun. A report's Course Progress counts these
# contents, so 100% does not say that all was seen.
#
# Versions: @project-sunbird/client-services 8.1.4 (npm)
# Seen:
#   video, 20 of 100 seconds: 20
#   video, 21 of 100 seconds: 100
#   pdf, 1 of 50 pages, the last: 100
#   ecml at 99: 0
#   h5p at 1: 100
# For whom: all who read progress of Sunbird as time spent on a course.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @project-sunbird/client-services@8.1.4
cat >progress.cjs <<'NODE'
const assert = require('node:assert')
globalThis.window = globalThis
const { CsContentProgressCalculator: calculator } =
  require('@project-sunbird/client-services/services/content/utilities/content-progress-calculator')
const seen = [
  ['video, 20 of 100 seconds', 'video/mp4', [{ progress: 20 }, { visitedlength: 20 }, { totallength: 100 }]],
  ['video, 21 of 100 seconds', 'video/mp4', [{ progress: 21 }, { visitedlength: 21 }, { totallength: 100 }]],
  ['pdf, 1 of 50 pages, the last', 'application/pdf', [{ progress: 2 }, { visitedlength: 1 }, { totallength: 50 }, { endpageseen: true }]],
  ['ecml at 99', 'application/vnd.ekstep.ecml-archive', [{ progress: 99 }]],
  ['h5p at 1', 'application/vnd.ekstep.h5p-archive', [{ progress: 1 }]],
].map(([what, mimeType, summary]) => {
  const progress = calculator.calculate(summary, mimeType)
  console.log(`${what}: ${progress}`)
  return progress
})
assert.deepStrictEqual(seen, [20, 100, 100, 0, 100], 'the behaviour has changed')
NODE
node progress.cjs
