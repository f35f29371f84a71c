// knex with its defaults: it asks for the server's version when it connects.
// usage: node node_knex.mjs [part of a check's name]
import assert from "node:assert/strict";
import knex from "knex";
import { connection, run } from "./node_common.mjs";

const db = knex({ client: "pg", connection });

await run({
  async "raw statements and parameters"() {
    const { rows } = await db.raw("select count(*) from batches where batch_id <> ?", ["none"]);
    assert.equal(Number(rows[0].count), 12);
  },

  async "pages"() {
    const page = (limit, offset) => db("users").select("user_id").orderBy("user_id").limit(limit).offset(offset);
    const [first, second] = [await page(5, 0), await page(5, 4)];
    assert.equal(first.length, 5);
    assert.equal(first[4].user_id, second[0].user_id);
  },

  async "counts and groups"() {
    const [{ count }] = await db("users").count();
    assert.equal(Number(count), 300);
    const groups = await db("users").select("tenant_id").count("* as n").groupBy("tenant_id").orderBy("n", "desc");
    assert.equal(groups.reduce((sum, group) => sum + Number(group.n), 0), 300);
    const known = await db("users").whereIn("tenant_id", [groups[0].tenant_id]).whereNotNull("user_id").countDistinct("user_id as n");
    assert.equal(Number(known[0].n), Number(groups[0].n));
  },

  async "tables and columns"() {
    assert.equal(await db.schema.hasTable("users"), true);
    assert.equal(await db.schema.hasTable("no_such_table"), false);
    assert.equal(await db.schema.hasColumn("users", "tenant_id"), true);
    const columns = await db("batches").columnInfo();
    assert.equal(columns.start_date.type, "date");
  },

  async "streams"() {
    let count = 0;
    for await (const row of db("enrolments").select("user_id").stream()) count += row.user_id ? 1 : 0;
    assert.equal(count, Number((await db("enrolments").count())[0].count));
  },
});
