#!/usr/bin/env python3
"""DuckDB makes reports, or the canonical tables, from a dump of Sunbird's raw tables of releases 5 to 8.1.

usage: duckdb_sunbird.py nightly|canonical DUMP OUT --threads N

`nightly` writes OUT/batch_id=<id>/*.csv; `canonical` writes the tables of docs/exports.md, with
copies of rows still in them. The SQL was written from the rules in docs/sunbird.md, and shares nothing with Pragati's.
"""

import argparse
from pathlib import Path

import duckdb

ZONE = "Asia/Kolkata"
DATE = "2026-11-22"
RAW_TABLES = [
    "location", "organisation", "system_settings", "user", "user_organisation", "usr_external_identity",
    "user_declarations", "content_hierarchy", "hierarchy_relations", "course_batch", "user_enrolments",
]

MACROS = """
CREATE MACRO filled(value) AS CASE WHEN trim(value) <> '' THEN value END;
CREATE MACRO joined(names) AS nullif(array_to_string(list_sort(list_distinct(names)), ','), '');
CREATE MACRO first_of(places, kind) AS list_filter(places, lambda place: place.type = kind)[1].id;
CREATE MACRO local_day(moment) AS timezone(getvariable('zone'), moment)::DATE;
CREATE MACRO shown_day(moment) AS strftime(timezone(getvariable('zone'), moment), '%Y-%m-%d')"""

# The tenant of an organisation that is none is its root organisation, else the tenant of the same channel.
ORGANISATIONS = """
WITH tenants AS (
    SELECT lower(channel) AS channel, min(id) AS tenant_id FROM organisation WHERE istenant GROUP BY ALL
)
SELECT
    id,
    filled(orgname) AS name,
    locationids,
    coalesce(istenant, false) AS is_tenant,
    coalesce(organisationtype = 2, false) AS is_school,
    CASE WHEN istenant THEN id WHEN rootorgid <> id THEN rootorgid ELSE tenant_id END AS tenant_id
FROM organisation
LEFT JOIN tenants ON tenants.channel = lower(organisation.channel)"""

PEOPLE = """
SELECT
    * EXCLUDE (status, profilelocation),
    rootorgid IS NOT DISTINCT FROM getvariable('custodian') AS signed_up,
    coalesce(status = 2, false) AS is_deleted,
    from_json(profilelocation, '[{"id": "VARCHAR", "type": "VARCHAR"}]') AS places
FROM "user" """

MEMBERSHIPS = """
SELECT userid, organisationid FROM user_organisation WHERE NOT coalesce(isdeleted, false)"""

SCHOOLS = """
SELECT userid, joined(list(name)) AS name
FROM memberships
JOIN organisations ON organisations.id = organisationid
WHERE is_school AND name IS NOT NULL
GROUP BY userid"""

# Of several, one with an id counts before others, then the latest.
DECLARATIONS = """
SELECT
    userid,
    filled(userinfo['declared-ext-id']) AS external_id,
    filled(userinfo['declared-school-name']) AS school,
    tenant_id
FROM user_declarations
LEFT JOIN organisations ON organisations.id = orgid
QUALIFY row_number() OVER (
    PARTITION BY userid
    ORDER BY external_id IS NULL, coalesce(updatedon, createdon) DESC NULLS LAST, orgid, persona
) = 1"""

# By organisation before by channel; the oldest rows, whose provider has capitals, show what is kept for look-ups.
STATE_IDS = """
SELECT
    userid,
    coalesce(min(external_id) FILTER (provider = rootorgid), min(external_id)) AS external_id
FROM (
    SELECT
        userid,
        provider,
        rootorgid,
        CASE WHEN provider = lower(provider) THEN coalesce(filled(originalexternalid), externalid) ELSE externalid END
            AS external_id
    FROM usr_external_identity
    JOIN people USING (userid)
    WHERE filled(externalid) IS NOT NULL AND NOT signed_up AND lower(idtype) = lower(provider)
        AND (provider = rootorgid OR lower(provider) = lower(channel))
)
GROUP BY userid"""

# Of users whose profile names no place: their own places, or those of the state's organisations that they work in.
OLDER_PLACES = """
WITH ids AS (
    SELECT userid, unnest(locationids) AS id FROM people WHERE signed_up AND len(coalesce(places, [])) = 0
    UNION ALL
    SELECT userid, unnest(organisations.locationids)
    FROM people
    JOIN memberships USING (userid)
    JOIN organisations ON organisations.id = organisationid
    WHERE NOT signed_up AND len(coalesce(places, [])) = 0 AND organisationid IS DISTINCT FROM rootorgid
)
SELECT
    userid,
    joined(list(name) FILTER (type = 'district')) AS district,
    joined(list(name) FILTER (type = 'block')) AS block
FROM ids
JOIN location USING (id)
WHERE filled(name) IS NOT NULL
GROUP BY userid"""

USERS = """
SELECT
    userid AS user_id,
    CASE WHEN NOT is_deleted THEN CASE WHEN signed_up THEN declarations.external_id ELSE state_ids.external_id END END
        AS external_id,
    CASE WHEN NOT is_deleted THEN filled(firstname) END AS first_name,
    CASE WHEN NOT is_deleted THEN filled(lastname) END AS last_name,
    CASE WHEN NOT is_deleted THEN filled(maskedemail) END AS email,
    CASE WHEN NOT is_deleted THEN filled(maskedphone) END AS mobile,
    organisations.name AS organization_name,
    CASE WHEN len(places) > 0 THEN filled(districts.name) ELSE older_places.district END AS district_name,
    coalesce(schools.name, declarations.school) AS school_name,
    CASE WHEN len(places) > 0 THEN filled(blocks.name) ELSE older_places.block END AS block_name,
    CASE WHEN signed_up THEN declarations.tenant_id ELSE rootorgid END AS tenant_id
FROM people
LEFT JOIN organisations ON organisations.id = rootorgid
LEFT JOIN state_ids USING (userid)
LEFT JOIN declarations USING (userid)
LEFT JOIN schools USING (userid)
LEFT JOIN older_places USING (userid)
LEFT JOIN location AS districts ON districts.id = first_of(places, 'district')
LEFT JOIN location AS blocks ON blocks.id = first_of(places, 'block')"""

# The lists, where a course has them, tell which contents are optional; leafNodesCount is the number of all.
COURSES = """
WITH lists AS (
    SELECT
        split_part(relationship_key, ':', 1) AS course_id,
        any_value(node_ids) FILTER (relationship_key LIKE '%:leafnodes') AS leaves,
        any_value(node_ids) FILTER (relationship_key LIKE '%:optionalnodes') AS optional
    FROM hierarchy_relations
    WHERE split_part(relationship_key, ':', 1) = split_part(relationship_key, ':', 2)
    GROUP BY ALL
),
hierarchies AS (
    SELECT identifier AS course_id, (hierarchy ->> '$.leafNodesCount')::INTEGER AS leaf_nodes
    FROM content_hierarchy
    WHERE NOT ends_with(identifier, '.img')
)
SELECT
    course_id,
    coalesce(len(list_filter(leaves, lambda leaf: NOT list_contains(coalesce(optional, []), leaf))), leaf_nodes)
        AS contents,
    optional
FROM hierarchies
FULL JOIN lists USING (course_id)"""

# An enrolment and its progress: one raw row is both.
ENROLMENTS = """
WITH counted AS (
    SELECT
        user_enrolments.*,
        contents,
        CASE
            WHEN completedon IS NOT NULL THEN NULL
            WHEN optional IS NULL THEN len(list_filter(map_values(contentstatus), lambda state: state = 2))
            ELSE len(list_filter(
                map_entries(contentstatus), lambda entry: entry.value = 2 AND NOT list_contains(optional, entry.key)
            ))
        END AS done
    FROM user_enrolments
    LEFT JOIN courses ON course_id = courseid
)
SELECT
    userid AS user_id,
    courseid AS course_id,
    batchid AS batch_id,
    coalesce(enrolled_date, try_strptime(enrolleddate, '%Y-%m-%d %H:%M:%S:%g%z')) AS enrolled_at,
    active,
    CASE
        WHEN completedon IS NOT NULL THEN 100
        WHEN contents > 0 AND done IS NOT NULL THEN least(100, 100 * done // contents)
        WHEN completionpercentage IS NOT NULL THEN completionpercentage
        WHEN coalesce(progress, 0) = 0 AND coalesce(done, 0) = 0 AND coalesce(status, 0) < 2 THEN 0
    END::DOUBLE AS progress_percent,
    completedon AS completed_at
FROM counted"""

# The first of the organisations that a batch was made for that is a tenant, else the first whose tenant is known.
BATCHES = """
WITH owners AS (
    SELECT batchid, unnest(createdfor) AS id, generate_subscripts(createdfor, 1) AS place FROM course_batch
),
tenants AS (
    SELECT batchid, tenant_id
    FROM owners
    JOIN organisations USING (id)
    WHERE tenant_id IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY batchid ORDER BY is_tenant DESC, place) = 1
)
SELECT
    batchid AS batch_id,
    courseid AS course_id,
    filled(name) AS batch_name,
    tenant_id,
    createdby AS created_by,
    mentors,
    coalesce(local_day(start_date), try_cast(left(startdate, 10) AS DATE)) AS start_date,
    coalesce(local_day(end_date), try_cast(left(enddate, 10) AS DATE)) AS end_date
FROM course_batch
LEFT JOIN tenants USING (batchid)"""

# Of copies of an enrolment the latest counts, then the active one; of progress the highest, then the first completed.
REPORTS = """
WITH latest AS (
    SELECT
        batch_id,
        user_id,
        max(coalesce(epoch_ms(enrolled_at), -1) * 2 + coalesce(active, false)::INTEGER) AS enrolment,
        max(progress_percent) AS progress_percent,
        min(completed_at) AS completed_at
    FROM enrolments
    GROUP BY ALL
)
SELECT
    batch_id,
    external_id AS "External ID",
    user_id AS "User ID",
    nullif(concat_ws(' ', trim(first_name), trim(last_name)), '') AS "User Name",
    email AS "Email ID",
    mobile AS "Mobile Number",
    organization_name AS "Organization Name",
    district_name AS "District Name",
    school_name AS "School Name",
    block_name AS "Block Name",
    CASE WHEN enrolment >= 0 THEN shown_day(epoch_ms(enrolment // 2)::TIMESTAMPTZ) END AS "Enrollment Date",
    progress_percent::INTEGER || '%' AS "Course Progress",
    shown_day(completed_at) AS "Completion Date"
FROM latest
LEFT JOIN users USING (user_id)
WHERE enrolment & 1 = 1
ORDER BY batch_id, user_id"""

STEPS = {
    "organisations": ORGANISATIONS,
    "people": PEOPLE,
    "memberships": MEMBERSHIPS,
    "schools": SCHOOLS,
    "declarations": DECLARATIONS,
    "state_ids": STATE_IDS,
    "older_places": OLDER_PLACES,
    "users": USERS,
    "courses": COURSES,
    "enrolments": ENROLMENTS,
    "batches": BATCHES,
}
READ_ONCE = ["users", "enrolments", "batches"]
# The contract's tables, from these steps.
CANONICAL = {
    "users": "FROM users",
    "enrolments": "SELECT user_id, course_id, batch_id, enrolled_at, active FROM enrolments",
    "course_progress": "SELECT user_id, course_id, batch_id, progress_percent, completed_at FROM enrolments",
    "batches": "FROM batches",
}


def main():
    options = parse_arguments()
    con = connect(options)
    if options.work == "nightly":
        copy(con, REPORTS, options.out, "FORMAT csv, HEADER true, PARTITION_BY (batch_id)")
        return
    for table, query in CANONICAL.items():
        folder = Path(options.out, table, f"date={DATE}")
        folder.mkdir(parents=True)
        copy(con, query, folder / "part-00000.parquet", "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 262144")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", choices=["nightly", "canonical"])
    parser.add_argument("dump", metavar="DUMP")
    parser.add_argument("out", metavar="OUT", help="folder to write")
    parser.add_argument("--threads", type=int, required=True, metavar="N")
    return parser.parse_args()


def connect(options):
    """DuckDB with the raw tables and all steps; those that others read several times are kept."""
    con = duckdb.connect(config={"threads": options.threads, "preserve_insertion_order": options.work == "canonical"})
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET VARIABLE zone = ?", [ZONE])
    con.execute(MACROS)
    for table in RAW_TABLES:
        con.read_parquet(f"{options.dump}/{table}/date=*/*.parquet", hive_partitioning=False).create_view(table)
    con.execute("SET VARIABLE custodian = (SELECT value FROM system_settings WHERE id = 'custodianOrgId')")
    for name, query in STEPS.items():
        kind = "VIEW" if name in READ_ONCE else "TABLE"
        con.execute(f"CREATE TEMP {kind} {name} AS {query}")
    return con


def copy(con, query, out, how):
    out = str(out).replace("'", "''")
    con.execute(f"COPY ({query}) TO '{out}' ({how})")


if __name__ == "__main__":
    main()
