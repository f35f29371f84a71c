#!/usr/bin/env bash
# csv-streamify and csv-batch read a CSV file in pieces, and make text of each piece alone. A letter of an Indian script has three bytes; where a
# piece ends within one, the letter is replaced by two or three marks for unreadable bytes. Files below one piece, of 64 KiB, are right.
#
# Versions: csv-streamify 4.0.0, csv-batch 2.0.6 (npm)
# Seen, of 20,000 rows with one name, in 1.2 MB:
#   csv-streamify: 20000 rows, 7 with another name, such as श्रीमती लक्ष्मी ���ेवी
#   csv-batch: 20000 rows, 7 with another name, such as श्रीमती लक्ष्मी ���ेवी
# For whom: services in Node.js that read lists of learners or reports of large batches; a name that was changed joins nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund csv-streamify@4.0.0 csv-batch@2.0.6
cat >names.cjs <<'NODE'
const assert = require('node:assert')
const fs = require('node:fs')
const streamify = require('csv-streamify')
const batch = require('csv-batch')

const name = 'श्रीमती लक्ष्मी देवी'
const rows = 20000
fs.writeFileSync('names.csv', 'id,name\n' + Array.from({ length: rows }, (_, id) => `${id},${name}\n`).join(''))

function report(library, names) {
  const others = names.filter(read => read !== name)
  console.log(`${library}: ${names.length} rows, ${others.length} with another name, such as ${others[0]}`)
  assert.equal(names.length, rows)
  assert.equal(others.length, 7, 'the behaviour has changed')
}

async function main() {
  const streamed = await new Promise((resolve, reject) => {
    const names = []
    fs.createReadStream('names.csv').pipe(streamify({ objectMode: true, columns: true }))
      .on('data', row => names.push(row.name)).on('end', () => resolve(names)).on('error', reject)
  })
  report('csv-streamify', streamed)
  const { data } = await (batch.default ?? batch)(fs.createReadStream('names.csv'))
  report('csv-batch', data.map(row => row.name))
}
main().catch(error => { console.error(error); process.exit(1) })
NODE
node names.cjs
