import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { rebuildDatabase } from "../../src/user/rebuild-database.ts";
import { delivered, newUser, record, rowsOf } from "../tracklog.ts";

env.D1_DAYS = "30";

describe("rebuilding a database that has an archive", () => {
  it("leaves out of D1 what the archive has, and brings back the rest", async ({ expect }) => {
    const user = newUser();
    await record(user, { timestamp: Date.parse("2024-01-02") }, { timestamp: Date.now() });
    await delivered(user);
    await env.DB.prepare("UPDATE events SET written_at = 0").run();
    await env.ARCHIVER.getByName("DB").run();
    expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual([2]);
    await env.DB.prepare("DELETE FROM events").run();

    const { rebuild } = await rebuildDatabase(env, "DB", { restart: true, clock: () => Date.now(), until: Infinity });
    expect(rebuild).toMatchObject({ stage: "done", events: 2 });
    expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual([2]);
  });
});
