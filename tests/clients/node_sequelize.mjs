// Sequelize with its defaults, which set the time zone as an interval when they connect, and with a zone of its own.
// usage: node node_sequelize.mjs [part of a check's name]
import assert from "node:assert/strict";
import { DataTypes, Sequelize } from "sequelize";
import { run, url } from "./node_common.mjs";

const db = new Sequelize(url, { logging: false });
const user = (db) =>
  db.define(
    "user",
    { user_id: { type: DataTypes.TEXT, primaryKey: true }, tenant_id: DataTypes.TEXT },
    { tableName: "users", timestamps: false },
  );

await run({
  async "authenticate"() {
    await db.authenticate();
  },

  async "a zone of its own"() {
    const there = new Sequelize(url, { logging: false, timezone: "+05:30" });
    await there.authenticate();
    const [[row]] = await there.query("select min(enrolled_at) as first from enrolments");
    const [[here]] = await db.query("select min(enrolled_at) as first from enrolments");
    assert.equal(row.first.getTime(), here.first.getTime());
    await there.close();
  },

  async "tables and columns"() {
    const tables = await db.getQueryInterface().showAllTables();
    assert.ok(tables.includes("users"), tables.join());
    const columns = await db.getQueryInterface().describeTable("batches");
    assert.equal(columns.start_date.type, "DATE");
  },

  async "models and pages"() {
    const users = user(db);
    const { rows, count } = await users.findAndCountAll({ order: ["user_id"], limit: 5, offset: 10 });
    assert.deepEqual([rows.length, count], [5, 300]);
    const one = await users.findByPk(rows[0].user_id);
    assert.equal(one.tenant_id, rows[0].tenant_id);
    const groups = await users.count({ group: ["tenant_id"] });
    assert.equal(groups.reduce((sum, group) => sum + Number(group.count), 0), 300);
  },

  async "bound and replaced parameters"() {
    const sql = "select count(*) as n from batches where batch_id <> ";
    const [[bound]] = await db.query(`${sql}$1`, { bind: ["none"] });
    const [[replaced]] = await db.query(`${sql}:none`, { replacements: { none: "none" } });
    assert.deepEqual([Number(bound.n), Number(replaced.n)], [12, 12]);
  },
});
