#!/usr/bin/env bash
# The telemetry SDK of Sunbird takes options for one event: interact(edata, {context: {cdata: [...]}}). They stay: the next event that
# is sent without options names the batch, and the object, of the one before. So a click on something else counts for a batch that
# was looked at earlier, and each page must call resetContext() and resetObject() itself.
#
# Versions: @project-sunbird/telemetry-sdk 2.0.1 (npm), Node.js 20
# Seen:
#   download-report of batch-1: cdata batch-1, object do_1
#   open-help, without options: cdata batch-1, object do_1
#   open-help, after resetContext and resetObject: cdata none, object none
# For whom: who counts clicks by the batch in context.cdata.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @project-sunbird/telemetry-sdk@2.0.1
cat >clicks.cjs <<'NODE'
const assert = require('node:assert')
const { $t } = require('@project-sunbird/telemetry-sdk')

const events = []
// Nothing is sent: events are taken where the SDK hands them on.
$t._syncManager.sendTelemetry = event => events.push(JSON.parse(JSON.stringify(event)))
$t.initialize({ channel: 'ka', env: 'course', did: 'device', uid: 'u1', pdata: { id: 'portal', ver: '1', pid: 'web' } })
$t.interact({ type: 'CLICK', id: 'download-report', pageid: 'batch' },
  { context: { cdata: [{ type: 'Batch', id: 'batch-1' }] }, object: { id: 'do_1', type: 'Course', ver: '1' } })
$t.interact({ type: 'CLICK', id: 'open-help', pageid: 'home' })
$t.resetContext()
$t.resetObject()
$t.interact({ type: 'CLICK', id: 'open-help', pageid: 'home' })

const said = events.map(event => [event.context.cdata[0]?.id ?? 'none', event.object.id ?? 'none'])
const names = ['download-report of batch-1', 'open-help, without options', 'open-help, after resetContext and resetObject']
said.forEach(([batch, object], number) => console.log(`${names[number]}: cdata ${batch}, object ${object}`))
assert.deepStrictEqual(said, [['batch-1', 'do_1'], ['batch-1', 'do_1'], ['none', 'none']], 'the behaviour has changed')
process.exit(0)
NODE
node clicks.cjs
