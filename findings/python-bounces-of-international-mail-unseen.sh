#!/usr/bin/env bash
# A mail server tells the failure of a mail that was sent under SMTPUTF8 in a part of type message/global-delivery-status (RFC 6533), whose
# fields are those of message/delivery-status. Python's email package takes that part for a mail: the fields of the recipient become
# its text, where the older part is a list of groups of fields. So flufl.bounce, the detector of Mailman, finds no failure at all in the
# bounce, also where the address itself is ASCII, and the address goes on being mailed.
#
# Versions: flufl.bounce 6.0.0 (PyPI), Python 3.11
# Seen:
#   delivery-status: 2 groups of fields, status 5.1.1; flufl.bounce: asha@school.example
#   global-delivery-status: 1 groups of fields, status None; flufl.bounce: nobody
# For whom: lists and services in Python that count bounces, and write to people with addresses in Indian scripts (or with subjects and
# names in headers that a server sends on under SMTPUTF8).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet flufl.bounce==6.0.0
"$work/venv/bin/python" - <<'PYTHON'
import email, email.policy
from flufl.bounce import all_failures


def bounce(kind, returned):
    lines = [
        "From: MAILER-DAEMON@mail.example.org", "To: bounces@example.org", "Subject: Undelivered", "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type={kind}; boundary="part"', "",
        "--part", "Content-Type: text/plain", "", "Your mail did not arrive.", "",
        "--part", f"Content-Type: message/{kind}", "", "Reporting-MTA: dns; mail.example.org", "",
        "Final-Recipient: rfc822; asha@school.example", "Action: failed", "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 no such mailbox", "",
        "--part", f"Content-Type: message/{returned}", "", "From: reports@example.org", "Subject: Report", "", "Hello", "",
        "--part--", "",
    ]
    return email.message_from_bytes("\r\n".join(lines).encode(), policy=email.policy.default)


seen = {}
for kind, returned in (("delivery-status", "rfc822"), ("global-delivery-status", "global")):
    mail = bounce(kind, returned)
    groups = mail.get_payload()[1].get_payload()
    status = next((group["Status"] for group in groups if group["Status"]), None)
    failed = sorted(address.decode() for addresses in all_failures(mail) for address in addresses)
    seen[kind] = (len(groups), status, failed)
    print(f"{kind}: {len(groups)} groups of fields, status {status}; flufl.bounce: {', '.join(failed) or 'nobody'}")
assert seen == {
    "delivery-status": (2, "5.1.1", ["asha@school.example"]),
    "global-delivery-status": (1, None, []),
}, "the behaviour has changed"
PYTHON
