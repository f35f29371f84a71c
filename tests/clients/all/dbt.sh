#!/usr/bin/env bash
# dbt: its connection, freshness and tests of sources, and the documents of sources. usage: dbt.sh BIN, the folder of dbt's program
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder" && mkdir models
cat >dbt_project.yml <<'P'
name: learners
version: "1.0.0"
profile: learners
model-paths: [models]
P
cat >profiles.yml <<'P'
learners:
  target: endpoint
  outputs:
    endpoint:
      type: postgres
      host: "{{ env_var('PGHOST') }}"
      port: "{{ env_var('PGPORT') | int }}"
      user: "{{ env_var('PGUSER') }}"
      password: "{{ env_var('PGPASSWORD') }}"
      dbname: "{{ env_var('PGDATABASE') }}"
      schema: public
      threads: 2
P
cat >models/sources.yml <<'P'
version: 2
sources:
  - name: learners
    schema: public
    tables:
      - name: users
        columns:
          - name: user_id
            data_tests: [not_null, unique]
          - name: tenant_id
            data_tests:
              - relationships: {arguments: {to: "source('learners', 'batches')", field: tenant_id}, config: {severity: warn}}
      - name: enrolments
        loaded_at_field: enrolled_at
        freshness: {warn_after: {count: 10000, period: day}}
      - name: batches
P
export DBT_SEND_ANONYMOUS_USAGE_STATS=false DBT_PROFILES_DIR=.
failed=0
echo "version dbt-core $("$1/pip" show dbt-core 2>/dev/null | sed -n "s/^Version: //p")"
for command in "debug" "test" "source freshness" "docs generate"; do
    # shellcheck disable=SC2086
    if told=$("$1/dbt" --no-use-colors $command 2>&1) && ! grep -q "Database Error\|Encountered an error" <<<"$told"; then
        echo "ok $command"
    else
        failed=1
        echo "FAILED $command: $(tail -5 <<<"$told" | tr -s ' \n' ' ')"
    fi
done
# A catalogue without columns is none.
if "$1/python" -c "import json; n = json.load(open('target/catalog.json'))['sources']; assert len(n) == 3 and all(t['columns'] for t in n.values())"; then
    echo "ok catalogue"
else
    failed=1
    echo "FAILED catalogue: it lacks tables or columns"
fi
exit $failed
