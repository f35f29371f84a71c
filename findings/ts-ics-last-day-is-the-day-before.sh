#!/usr/bin/env bash
# ts-ics makes the dates of a repeated event. Those on the last day of each month are on the day before it, those on the last working day too,
# and the first one is left out; a day of the week counted from the month's end loses its time of day. A monthly event of the 31st, which
# RFC 5545 has in months with 31 days alone, comes on the 28th from the first February on. Weekly ones are right.
#
# Versions: ts-ics 2.4.6, rrule 2.8.1 (npm)
# Seen, ts-ics and, in brackets, rrule:
#   from 2026-11-30T10:00Z FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3: 2026-12-30, 2027-01-30, 2027-02-27 (2026-11-30, 2026-12-31, 2027-01-31)
#   from 2026-11-30T10:00Z FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3: 2026-12-30, 2027-01-28, 2027-02-25 (2026-11-30, 2026-12-31, 2027-01-29)
#   from 2026-01-31T10:00Z FREQ=MONTHLY;COUNT=3: 2026-01-31, 2026-02-28, 2026-03-28 (2026-01-31, 2026-03-31, 2026-05-31)
# For whom: dashboards that show when the next monthly report or reminder of a calendar is due.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund ts-ics@2.4.6 rrule@2.8.1
cat >dates.cjs <<'NODE'
const assert = require('node:assert')
const { convertIcsCalendar, extendByRecurrenceRule } = require('ts-ics')
const { RRule } = require('rrule')

const day = date => date.toISOString().slice(0, 10)

function byTsIcs(start, rule) {
  const lines = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//example//EN', 'BEGIN:VEVENT', 'UID:1', 'DTSTAMP:20260101T000000Z',
    `DTSTART:${start}`, 'DURATION:PT1H', 'SUMMARY:Report', `RRULE:${rule}`, 'END:VEVENT', 'END:VCALENDAR', '']
  const [event] = convertIcsCalendar(undefined, lines.join('\r\n')).events
  return extendByRecurrenceRule(event.recurrenceRule, { start: event.start.date, end: new Date('2028-01-01') }).map(day).join(', ')
}

const expected = [
  ['20261130T100000Z', 'FREQ=WEEKLY;COUNT=3', '2026-11-30, 2026-12-07, 2026-12-14', '2026-11-30, 2026-12-07, 2026-12-14'],
  ['20261130T100000Z', 'FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3', '2026-12-30, 2027-01-30, 2027-02-27', '2026-11-30, 2026-12-31, 2027-01-31'],
  ['20261130T100000Z', 'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3', '2026-12-30, 2027-01-28, 2027-02-25',
    '2026-11-30, 2026-12-31, 2027-01-29'],
  ['20260131T100000Z', 'FREQ=MONTHLY;COUNT=3', '2026-01-31, 2026-02-28, 2026-03-28', '2026-01-31, 2026-03-31, 2026-05-31'],
]
for (const [start, rule, dates, right] of expected) {
  const seen = byTsIcs(start, rule)
  const byRrule = RRule.fromString(`DTSTART:${start}\nRRULE:${rule}`).all().map(day).join(', ')
  console.log(`from ${start} ${rule}: ${seen} (${byRrule})`)
  assert.equal(byRrule, right, 'the comparison has changed')
  assert.equal(seen, dates, 'the behaviour has changed')
}
NODE
node dates.cjs
