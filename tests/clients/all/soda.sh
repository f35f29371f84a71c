#!/usr/bin/env bash
# soda: checks of a table, among them a percentile. usage: soda.sh BIN, the folder of soda's program
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder" || exit 1
cat >configuration.yml <<'P'
data_source endpoint:
  type: postgres
  host: ${PGHOST}
  port: "${PGPORT}"
  username: ${PGUSER}
  password: ${PGPASSWORD}
  database: ${PGDATABASE}
  schema: public
P
cat >checks.yml <<'P'
checks for users:
  - row_count = 300
  - missing_count(user_id) = 0
  - duplicate_count(user_id) = 0
  - invalid_count(tenant_id) = 0:
      valid regex: '[0-9]+'
  - schema:
      fail:
        when required column missing: [user_id, tenant_id]
checks for course_progress:
  - row_count > 1000
  - max(progress_percent) = 100
  - avg(progress_percent) between 1 and 99
  - stddev(progress_percent) between 1 and 99
  - percentile(progress_percent, 0.5) between 1 and 100
  - missing_percent(completed_at) < 100
P
echo "version soda-core-postgres $("$1/pip" show soda-core-postgres 2>/dev/null | sed -n "s/^Version: //p")"
told=$("$1/soda" scan -d endpoint -c configuration.yml checks.yml 2>&1)
if grep -q "All is good. No failures. No warnings. No errors." <<<"$told"; then
    echo "ok 11 checks"
else
    echo "FAILED checks: $(grep -E "Error|ERROR|NOT EVALUATED|FAILED|\[" <<<"$told" | head -8 | tr -s ' \n' ' ' | cut -c1-400)"
    exit 1
fi
