import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { it, vi } from "vitest";
import { anEvent, newUser, rowsOf, timelineOf, track, userLog } from "../tracklog.ts";

// In a file of its own, since it takes the tables away from whatever else runs.

it("events that came before D1 had its tables arrive once it has them", async ({ expect }) => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  await env.DB.batch(["events", "feed", "erased", "incarnation"].map((table) => env.DB.prepare(`DROP TABLE ${table}`)));
  const user = newUser();
  expect((await track(anEvent({ user_id: user }))).body).toMatchObject({ status: "created" });
  for (let alarm = 1; alarm <= 8; alarm++) expect(await runDurableObjectAlarm(userLog(user))).toBe(true);
  expect(await timelineOf(user)).toHaveLength(1);

  const views = await env.DB.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'").all<{ name: string }>();
  await env.DB.batch(views.results.map(({ name }) => env.DB.prepare(`DROP VIEW ${name}`)));
  const statements = env.MIGRATIONS.flatMap(({ queries }) => queries);
  await env.DB.batch(statements.map((statement) => env.DB.prepare(statement)));
  await runDurableObjectAlarm(userLog(user));
  expect(await rowsOf(user)).toMatchObject([{ user_id: user, seq: 1, revision: 1 }]);
});
