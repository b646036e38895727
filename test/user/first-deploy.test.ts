import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { it, vi } from "vitest";
import { anEvent, newUser, rowsOf, timelineOf, track, userLog } from "../tracklog.ts";

// This test has its own file, because it removes the tables that others need.

async function dropAll(type: "view" | "table"): Promise<void> {
  const own = "name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_cf%' ESCAPE '\\'";
  const query = env.DB.prepare(`SELECT name FROM sqlite_schema WHERE type = ?1 AND ${own}`).bind(type);
  const { results } = await query.all<{ name: string }>();
  await env.DB.batch(results.map(({ name }) => env.DB.prepare(`DROP ${type} ${name}`)));
}

it("delivers events that arrived before D1 had its tables as soon as it has them", async ({ expect }) => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  await dropAll("view");
  await dropAll("table");
  const user = newUser();
  expect((await track(anEvent({ user_id: user }))).body).toMatchObject({ status: "created" });
  for (let alarm = 1; alarm <= 8; alarm++) expect(await runDurableObjectAlarm(userLog(user))).toBe(true);
  expect(await timelineOf(user)).toHaveLength(1);

  const statements = env.MIGRATIONS.flatMap(({ queries }) => queries);
  await env.DB.batch(statements.map((statement) => env.DB.prepare(statement)));
  await runDurableObjectAlarm(userLog(user));
  expect(await rowsOf(user)).toMatchObject([{ user_id: user, seq: 1, revision: 1 }]);
});
