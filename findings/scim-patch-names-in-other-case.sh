#!/usr/bin/env bash
# Names of attributes have no case in SCIM, and the types of addresses do not either (RFC 7643). scim-patch takes them as they are written: a
# patch of USERNAME leaves the user's name as it was and adds a second attribute, and one of the address of type WORK adds an
# address. Nothing says so.
#
# Versions: scim-patch 0.8.3 (npm)
# Seen:
#   replace USERNAME: userName asha, USERNAME ravi
#   replace emails[type eq "WORK"].value: work old@school.example; WORK new@school.example
# For whom: directories of teachers that are kept by another system's SCIM patches: the address that reports are sent to stays the old one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund scim-patch@0.8.3
cat >patch.cjs <<'NODE'
const assert = require('node:assert')
const { scimPatch } = require('scim-patch')

function patched(path, value) {
  const user = {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
    userName: 'asha',
    emails: [{ type: 'work', value: 'old@school.example' }],
    meta: { resourceType: 'User', created: new Date(0), lastModified: new Date(0), location: '' },
  }
  return scimPatch(user, [{ op: 'replace', path, value }])
}

const named = patched('USERNAME', 'ravi')
console.log(`replace USERNAME: userName ${named.userName}, USERNAME ${named.USERNAME}`)
assert.deepEqual([named.userName, named.USERNAME], ['asha', 'ravi'], 'the behaviour has changed')

const path = 'emails[type eq "WORK"].value'
const emails = patched(path, 'new@school.example').emails.map(email => `${email.type} ${email.value}`)
console.log(`replace ${path}: ${emails.join('; ')}`)
assert.deepEqual(emails, ['work old@school.example', 'WORK new@school.example'], 'the behaviour has changed')
NODE
node patch.cjs
