// Slonik with its defaults.
// usage: node node_slonik.mjs [part of a check's name]
import assert from "node:assert/strict";
import { createPool, sql } from "slonik";
import { run, url } from "./node_common.mjs";

const pool = await createPool(`${url}?sslmode=disable`);

await run({
  async "values of one row"() {
    assert.equal(Number(await pool.oneFirst(sql.unsafe`select count(*) from batches where batch_id <> ${"none"}`)), 12);
    assert.equal(await pool.maybeOne(sql.unsafe`select user_id from users where user_id = ${"none"}`), null);
  },

  async "lists as arrays"() {
    const tenants = sql.array(["01262286985764420587", "none"], "text");
    const rows = await pool.any(sql.unsafe`select user_id from users where tenant_id = any(${tenants}) order by 1`);
    assert.ok(rows.length > 10);
  },

  async "rows of unnested arrays"() {
    const values = sql.unnest([["a", 1], ["b", 2]], ["text", "int4"]);
    const rows = await pool.any(sql.unsafe`select x, n from ${values} as t(x, n) order by n`);
    assert.deepEqual(rows.map((row) => row.x), ["a", "b"]);
  },

  async "pages"() {
    const rows = await pool.any(sql.unsafe`select user_id from users order by user_id limit ${5} offset ${10}`);
    assert.equal(rows.length, 5);
  },

  async "transactions"() {
    const count = await pool.transaction((inside) => inside.oneFirst(sql.unsafe`select count(*) from users`));
    assert.equal(Number(count), 300);
  },
});
