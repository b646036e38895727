import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it } from "vitest";
import { DAY_MS } from "../../../src/d1/hour.ts";
import { at, keepAll, keepThirtyDays, now } from "../../retention-clock.ts";
import { anEvent, inStorage, newUser, track } from "../../tracklog.ts";

let user: string;
beforeEach(() => {
  user = newUser();
  keepThirtyDays();
});
afterEach(keepAll);

/** An event that happened this many days ago. */
function aged(days: number) {
  return anEvent({ user_id: user, timestamp: now - days * DAY_MS });
}

async function send(path: string, body: object) {
  const response = await exports.default.fetch(`https://tracklog.test${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

/** What the user's object has on its disk. */
function values(): Promise<unknown[]> {
  return inStorage(user, ({ kv }) => [...kv.list()]);
}

describe("an event that is older than RETENTION_DAYS", () => {
  it("is refused with a code, alone and among others, and is not stored", async ({ expect }) => {
    const alone = await track(aged(30.1));
    expect(alone).toMatchObject({ status: 400, body: { code: "expired", success: false } });
    expect(alone.body["errors"]).toEqual([
      {
        pointer: "/timestamp",
        detail: expect.stringMatching(/^is before \d{4}-.*Z: this deployment does not store older events/) as string,
        limit: expect.closeTo(now - 30 * DAY_MS, -5) as number,
        actual: now - 30.1 * DAY_MS,
      },
    ]);
    expect(await values()).toEqual([]);

    const several = await track([aged(40), aged(1), anEvent({ user_id: user, event: 1 })]);
    expect(several).toMatchObject({
      status: 207,
      body: {
        rejected: 2,
        created: 1,
        results: [
          { index: 0, status: "rejected", code: "expired", errors: [{ pointer: "/timestamp" }] },
          { index: 1, status: "created", seq: 1 },
          { index: 2, status: "rejected" },
        ],
      },
    });
    expect(several.body["results"][2]).not.toHaveProperty("code");
    expect((await track([aged(40), aged(50)])).body).toMatchObject({
      code: "expired",
      errors: [{ pointer: "/0/timestamp" }, { pointer: "/1/timestamp" }],
    });
  });

  it("is refused even if it was accepted a moment before and would be a duplicate", async ({ expect }) => {
    const event = anEvent({ user_id: user, timestamp: now - 30 * DAY_MS + 10_000 });
    expect((await track(event)).body).toMatchObject({ status: "created" });
    expect((await track(event)).body).toMatchObject({ status: "duplicate" });
    at(now + 10_001);
    expect((await track(event)).body).toMatchObject({ code: "expired" });
  });

  it("is refused on Segment's routes in a way that makes no SDK send it again", async ({ expect }) => {
    const message = { type: "track", event: "e", userId: user, timestamp: new Date(now - 31 * DAY_MS).toISOString() };
    expect(await send("/v1/track", message)).toMatchObject({ status: 400, body: { code: "expired" } });
    expect(await send("/v1/batch", { batch: [message] })).toMatchObject({ status: 400, body: { code: "expired" } });
    const fresh = { ...message, timestamp: new Date(now).toISOString() };
    expect(await send("/v1/batch", { batch: [message, fresh] })).toMatchObject({
      status: 200,
      body: { created: 1, rejected: 1, results: [{ status: "rejected", code: "expired" }, { status: "created" }] },
    });
    // This time is only its batch's, and nobody will send it again, so the log does not remember it.
    const { timestamp: _, ...timeless } = { ...message, messageId: "m-1" };
    await send("/v1/batch", { batch: [timeless], sentAt: message.timestamp });
    expect(await inStorage(user, ({ kv }) => [...kv.list({ prefix: "time:" })])).toEqual([]);
  });

  it("is accepted if RETENTION_DAYS is not set", async ({ expect }) => {
    env.RETENTION_DAYS = "";
    expect((await track(aged(4_000))).body).toMatchObject({ status: "created" });
  });
});
