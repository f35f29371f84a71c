#!/usr/bin/env bash
# A CSV file that is attached as plain 7-bit text, with lines that end in CR LF as mail has them, comes out of postal-mime with LF and
# one empty line more at its end. Its length and its checksum are not those that were sent, and a strict reader of CSV meets a row
# without cells. mailparser and Python's own parser give the file as it was.
#
# Versions: postal-mime 4.0.0, mailparser 3.14.2 (npm), Python 3
# Seen:
#   sent 34 bytes; python same, mailparser same, postal-mime 33 bytes "External ID,User Name\nKA-1,Asha\n\n"
# For whom: mail workers that take reports out of mails and compare or load them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund postal-mime@4.0.0 mailparser@3.14.2
python3 - <<'PYTHON'
import email, email.policy
from email.message import EmailMessage

report = "External ID,User Name\r\nKA-1,Asha\r\n"
mail = EmailMessage()
mail["From"], mail["To"], mail["Subject"] = "reports@example.org", "asha@example.org", "Course progress"
mail.set_content("Your report\n")
mail.add_attachment(report, subtype="csv", filename="report.csv")
sent = mail.as_bytes(policy=email.policy.SMTP)
open("report.csv", "wb").write(report.encode())
open("mail.eml", "wb").write(sent)
part = next(email.message_from_bytes(sent, policy=email.policy.default).iter_attachments())
assert part["content-transfer-encoding"] == "7bit" and part.get_content() == report
PYTHON
cat >read.mjs <<'NODE'
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { simpleParser } from 'mailparser'
import PostalMime from 'postal-mime'

const mail = readFileSync('mail.eml')
const report = readFileSync('report.csv', 'latin1')
const text = content => typeof content === 'string' ? content : Buffer.from(content).toString('latin1')
const mailparser = text((await simpleParser(mail)).attachments[0].content)
const postal = text((await PostalMime.parse(mail)).attachments[0].content)
console.log(`sent ${report.length} bytes; python same, mailparser ${mailparser === report ? 'same' : JSON.stringify(mailparser)}, postal-mime ${postal.length} bytes ${JSON.stringify(postal)}`)
assert(mailparser === report && postal === report.replaceAll('\r\n', '\n') + '\n', 'the behaviour has changed')
NODE
node read.mjs
