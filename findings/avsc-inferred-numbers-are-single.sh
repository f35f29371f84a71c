#!/usr/bin/env bash
# avsc infers an Avro schema from values, and calls every number that is no 32-bit integer a float of four bytes: the time of an event,
# in milliseconds, comes back 47 seconds later, and a percent of 33.3 as 33.29999923706055. Where the schema is given as double or long
# nothing changes.
#
# Versions: avsc 5.7.9 (npm)
# Seen:
#   inferred: {"user":"string","ets":"float","percent":"float"}
#   ets 1795946400123 -> 1795946446848, percent 33.3 -> 33.29999923706055
# For whom: events and progress that a service in JavaScript sends to a stream or a lake as Avro, by schemas inferred from samples.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund avsc@5.7.9
cat >infer.cjs <<'NODE'
const assert = require('node:assert')
const avro = require('avsc')
const event = { user: 'u1', ets: 1795946400123, percent: 33.3 }
const inferred = avro.Type.forValue(event)
const fields = Object.fromEntries(inferred.schema().fields.map(field => [field.name, field.type]))
const read = inferred.fromBuffer(inferred.toBuffer(event))
console.log(`inferred: ${JSON.stringify(fields)}`)
console.log(`ets ${event.ets} -> ${read.ets}, percent ${event.percent} -> ${read.percent}`)
assert.deepStrictEqual({ ...read }, { user: 'u1', ets: 1795946446848, percent: 33.29999923706055 }, 'the behaviour has changed')
const given = avro.Type.forSchema({
  type: 'record', name: 'Event',
  fields: [{ name: 'user', type: 'string' }, { name: 'ets', type: 'long' }, { name: 'percent', type: 'double' }],
})
assert.deepStrictEqual({ ...given.fromBuffer(given.toBuffer(event)) }, event, 'the behaviour has changed')
NODE
node infer.cjs
