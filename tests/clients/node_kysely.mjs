// Kysely with its defaults.
// usage: node node_kysely.mjs [part of a check's name]
import assert from "node:assert/strict";
import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import Cursor from "pg-cursor";
import { run } from "./node_common.mjs";

const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ max: 3 }), cursor: Cursor }) });

await run({
  async "pages"() {
    const page = (limit, offset) =>
      db.selectFrom("users").select("user_id").orderBy("user_id").limit(limit).offset(offset).execute();
    const [first, second] = [await page(5, 0), await page(5, 4)];
    assert.equal(first.length, 5);
    assert.equal(first[4].user_id, second[0].user_id);
  },

  async "counts and groups"() {
    const groups = await db
      .selectFrom("users")
      .select((on) => ["tenant_id", on.fn.countAll().as("n")])
      .groupBy("tenant_id")
      .orderBy("n", "desc")
      .execute();
    assert.equal(groups.reduce((sum, group) => sum + Number(group.n), 0), 300);
    const { count } = (await sql`select count(*) from batches where batch_id <> ${"none"}`.execute(db)).rows[0];
    assert.equal(Number(count), 12);
  },

  async "joins and lists"() {
    const rows = await db
      .selectFrom("enrolments as e")
      .innerJoin("users as u", "u.user_id", "e.user_id")
      .select(["u.user_id", "e.batch_id"])
      .where("e.active", "=", true)
      .where("u.tenant_id", "in", ["01262286985764420587", "none"])
      .orderBy("u.user_id")
      .limit(3)
      .execute();
    assert.equal(rows.length, 3);
  },

  async "streams"() {
    let count = 0;
    for await (const row of db.selectFrom("enrolments").select("user_id").stream(100)) count += row.user_id ? 1 : 0;
    assert.ok(count > 1000);
  },

  async "tables and columns"() {
    const tables = await db.introspection.getTables();
    const users = tables.find((table) => table.name === "users");
    assert.ok(users?.columns.some((column) => column.name === "tenant_id" && column.dataType === "text"));
    assert.ok(tables.some((table) => table.isView), "views");
  },
});
