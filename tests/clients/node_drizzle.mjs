// Drizzle over node-postgres and over postgres.js.
// usage: node node_drizzle.mjs [part of a check's name]
import assert from "node:assert/strict";
import { count, eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { drizzle as drizzleOfPostgres } from "drizzle-orm/postgres-js";
import { pgTable, text } from "drizzle-orm/pg-core";
import pg from "pg";
import postgres from "postgres";
import { run, url } from "./node_common.mjs";

const users = pgTable("users", { userId: text("user_id").primaryKey(), tenantId: text("tenant_id") });
const databases = { "node-postgres": drizzle(new pg.Pool({ max: 2 })), "postgres.js": drizzleOfPostgres(postgres(url)) };

const checks = {};
for (const [name, db] of Object.entries(databases)) {
  checks[`${name}: pages and parameters`] = async () => {
    const page = (limit, offset) => db.select().from(users).orderBy(users.userId).limit(limit).offset(offset);
    const [first, second] = [await page(5, 0), await page(5, 4)];
    assert.equal(first.length, 5);
    assert.equal(first[4].userId, second[0].userId);
    const [one] = await db.select().from(users).where(eq(users.userId, first[0].userId));
    assert.equal(one.tenantId, first[0].tenantId);
  };
  checks[`${name}: counts and groups`] = async () => {
    const groups = await db.select({ tenant: users.tenantId, n: count() }).from(users).groupBy(users.tenantId);
    assert.equal(groups.reduce((sum, group) => sum + group.n, 0), 300);
    assert.equal(await db.$count(users), 300);
    const found = await db.execute(sql`select count(*) from batches where batch_id <> ${"none"}`);
    assert.equal(Number((found.rows ?? found)[0].count), 12);
  };
}
await run(checks);
