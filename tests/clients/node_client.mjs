// node-postgres: simple, parameterised and named queries, a cursor and a stream, errors, a time limit, a pool. Its
// binary mode is not used: version 8.23 garbles bytes above 127, also those of PostgreSQL itself.
// usage: node node_client.mjs [part of a check's name]
// The connection comes from PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE, which the driver reads by itself.

import assert from "node:assert/strict";
import pg from "pg";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";

const SLOW =
  "select count(*) from generate_series(1, 300000) a(x), generate_series(1, 300000) b(y) where x::bigint * y = x + 3 * y + 1";
/** The rows of a long stream. */
const ROWS = Number(process.env.ROWS ?? "3000000");
const SERIES = `select x from generate_series(1, ${ROWS}) g(x)`;

const checks = {
  async "values as text"(client) {
    const { rows, fields } = await client.query(
      "select cast('ಸುಮಾ' as text) a, true b, cast(-7 as int) c, cast(9007199254740993 as bigint) d," +
        " cast(0.1 as double precision) e, cast(12.30 as decimal(10, 2)) f, cast(null as text) g," +
        " array['a', null, 'b,c'] h, cast('' as text) i",
    );
    assert.deepEqual(rows[0], {
      a: "ಸುಮಾ", b: true, c: -7, d: "9007199254740993", e: 0.1, f: "12.30", g: null, h: ["a", null, "b,c"], i: "",
    });
    assert.deepEqual(fields.map((field) => field.dataTypeID), [25, 16, 23, 20, 701, 1700, 25, 1009, 25]);
  },

  async "dates and times"(client) {
    const text = "select date '2026-11-22' d, timestamp '2026-11-22 10:20:30.5' t from users limit 1";
    const { rows } = await client.query(text);
    assert.equal(rows[0].d.toDateString(), "Sun Nov 22 2026");
    assert.equal(rows[0].t.getMilliseconds(), 500);
    const first = "select min(enrolled_at) first from enrolments";
    const simple = (await client.query(first)).rows[0].first;
    const extended = (await client.query({ text: first, queryMode: "extended" })).rows[0].first;
    assert.ok(simple instanceof Date);
    assert.equal(simple.getTime(), extended.getTime());
  },

  async "tables and views"(client) {
    const { rows } = await client.query("select * from batches order by batch_id");
    assert.equal(rows.length, 12);
    assert.deepEqual(rows.slice(0, 2).map((row) => row.mentors), [null, []]);
    for (const relation of ["users", "enrolments", "download_ratio_by_course", "course_progress_report"]) {
      const counted = await client.query(`select cast(count(*) as int) as n from ${relation}`);
      assert.equal((await client.query(`select * from ${relation}`)).rowCount, counted.rows[0].n, relation);
    }
  },

  async "parameters"(client) {
    const cases = [
      ["select count(*) as n from users where tenant_id = $1", "01262400179213636102", "'01262400179213636102'"],
      ["select count(*) as n from users where tenant_id = any($1)", ["01262400179213636102"], "array['01262400179213636102']"],
      ["select count(*) as n from enrolments where active = $1", true, "true"],
      ["select count(*) as n from enrolments where enrolled_at < $1", new Date("2026-09-01T00:00:00Z"), "'2026-09-01 00:00:00+00'"],
      ["select count(*) as n from batches where start_date <= $1", "2026-08-08", "date '2026-08-08'"],
      ["select count(*) as n from course_progress where progress_percent >= $1", 50.5, "50.5"],
      ["select count(*) as n from generate_series(1, 10) g(x) where x > $1", 3, "3"],
      ["select coalesce($1::text, 'nothing') as n", null, "null"],
    ];
    for (const [text, value, literal] of cases) {
      const expected = (await client.query(text.replace("$1", literal))).rows;
      assert.deepEqual((await client.query(text, [value])).rows, expected, `${text} ${value}`);
    }
  },

  async "a named statement many times"(client) {
    for (let number = 0; number < 10; number++) {
      const { rows } = await client.query({
        name: "up to", text: "select count(*) as n from generate_series(1, 10) g(x) where x <= $1", values: [number],
      });
      assert.equal(rows[0].n, String(number));
    }
  },

  async "several statements"(client) {
    const results = await client.query("select 1 as a; select 2 as b, 3 as c");
    const numbers = results.map((result) => Object.values(result.rows[0]).map(Number));
    assert.deepEqual(numbers, [[1], [2, 3]]);
  },

  async "cursor"(client) {
    const cursor = client.query(new Cursor(SERIES + " where x > $1 order by x", [0]));
    assert.deepEqual((await cursor.read(3)).map((row) => Number(row.x)), [1, 2, 3]);
    assert.deepEqual((await cursor.read(2)).map((row) => Number(row.x)), [4, 5]);
    await cursor.close();
    assert.equal(await one(client, "select 1 as n"), 1);
  },

  async "stream"(client) {
    let count = 0;
    let sum = 0;
    for await (const row of client.query(new QueryStream(SERIES, [], { batchSize: 5000 }))) {
      count += 1;
      sum += Number(row.x);
    }
    assert.deepEqual([count, sum], [ROWS, (ROWS * (ROWS + 1)) / 2]);
  },

  async "stream that is ended early"(client) {
    for await (const row of client.query(new QueryStream(SERIES + " order by x", [], { batchSize: 100 }))) {
      if (Number(row.x) === 10) break;
    }
    assert.equal(await one(client, "select 1 as n"), 1);
  },

  async "errors"(client) {
    const states = {
      "selec 1": "42601", "select * from no_such_table": "42P01", "select no_such from users": "42703",
      "select 1/0": "22012", "drop table users": "42501",
    };
    for (const [text, code] of Object.entries(states)) {
      for (const query of [text, { text, queryMode: "extended" }]) {
        await assert.rejects(client.query(query), { code }, text);
        assert.equal(await one(client, "select 1 as n"), 1);
      }
    }
    await client.query("begin");
    await assert.rejects(client.query("select 1/0"), { code: "22012" });
    await assert.rejects(client.query("select 1"), { code: "25P02" });
    await client.query("rollback");
    assert.equal(await one(client, "select 1 as n"), 1);
  },

  async "time limit"() {
    const client = new pg.Client({ statement_timeout: 700 });
    await client.connect();
    try {
      await assert.rejects(client.query(SLOW), { code: "57014" });
      assert.equal(await one(client, "select 1 as n"), 1);
    } finally {
      await client.end();
    }
  },

  async "pool"() {
    const pool = new pg.Pool({ max: 20 });
    const text = "select count(*) as n from generate_series(1, 200) g(x) where x <= $1";
    const numbers = [...Array(100).keys()];
    const answers = await Promise.all(numbers.map((number) => pool.query(text, [number])));
    assert.deepEqual(answers.map((answer) => Number(answer.rows[0].n)), numbers);
    await pool.end();
  },

  async "wrong password"() {
    const client = new pg.Client({ password: "wrong" });
    await assert.rejects(client.connect(), { code: "28P01" });
  },
};

async function one(client, text) {
  return Number((await client.query(text)).rows[0].n);
}

let failed = 0;
const wanted = process.argv[2] ?? "";
for (const [name, check] of Object.entries(checks)) {
  if (!name.includes(wanted)) continue;
  const client = new pg.Client();
  try {
    await client.connect();
    await check(client);
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error.code ?? ""} ${String(error.message).replaceAll(/\s+/g, " ").slice(0, 500)}`);
  } finally {
    // Not awaited: where a check failed, a query may still run.
    client.end().catch(() => {});
  }
}
process.exit(failed === 0 ? 0 : 1);
