// TypeORM with its defaults: repositories over tables that are there already.
// usage: node node_typeorm.mjs [part of a check's name]
import "reflect-metadata";
import assert from "node:assert/strict";
import { DataSource, EntitySchema } from "typeorm";
import { connection, run } from "./node_common.mjs";

const User = new EntitySchema({
  name: "User",
  tableName: "users",
  columns: {
    user_id: { type: "text", primary: true },
    tenant_id: { type: "text", nullable: true },
    email: { type: "text", nullable: true },
  },
});

const source = new DataSource({
  type: "postgres",
  host: connection.host,
  port: connection.port,
  username: connection.user,
  password: connection.password,
  database: connection.database,
  entities: [User],
});

await run({
  async "initialize"() {
    await source.initialize();
  },

  async "queries"() {
    const [row] = await source.query("select count(*) from batches where batch_id <> $1", ["none"]);
    assert.equal(Number(row.count), 12);
  },

  async "pages of a repository"() {
    const users = source.getRepository("User");
    const [rows, all] = await users.findAndCount({ order: { user_id: "ASC" }, take: 5, skip: 10 });
    assert.deepEqual([rows.length, all], [5, 300]);
    const one = await users.findOneBy({ user_id: rows[0].user_id });
    assert.equal(one.tenant_id, rows[0].tenant_id);
  },

  async "a query builder"() {
    const groups = await source
      .getRepository("User")
      .createQueryBuilder("u")
      .select("u.tenant_id", "tenant")
      .addSelect("COUNT(*)", "n")
      .groupBy("u.tenant_id")
      .orderBy("n", "DESC")
      .getRawMany();
    assert.equal(groups.reduce((sum, group) => sum + Number(group.n), 0), 300);
  },

  async "tables and columns"() {
    const runner = source.createQueryRunner();
    try {
      assert.equal(await runner.hasTable("users"), true);
      const table = await runner.getTable("users");
      assert.equal(table.columns.length, 11);
      assert.deepEqual([table.foreignKeys, table.indices], [[], []]);
    } finally {
      await runner.release();
    }
  },
});
