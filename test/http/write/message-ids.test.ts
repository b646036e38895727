import * as fc from "fast-check";
import { describe, it } from "vitest";
import { aMessage, post } from "../../segment.ts";
import { newUser, timelineOf } from "../../tracklog.ts";

// Messages of Segment's protocol that carry no id of their own.

/** What a user's log holds, as what the client sent. */
async function storedOf(user: string): Promise<unknown[]> {
  return ((await timelineOf(user)) ?? []).map(({ event, properties }) => [event, properties]);
}

describe("messages without an id", () => {
  it.for([
    ["no time", {}, {}],
    ["one time of their batch", {}, { sentAt: "2026-01-02T03:04:06Z" }],
    ["one time each, in whole seconds", { timestamp: "2026-01-02T03:04:05Z" }, {}],
    ["one time, and all alike", { timestamp: "2026-01-02T03:04:05Z", properties: {} }, {}],
  ] as const)("are as many events in one batch: with %s", async ([, fields, envelope], { expect }) => {
    const user = newUser();
    const batch = [1, 2, 3].map((price) => ({
      ...aMessage({ userId: user, timestamp: undefined, properties: { price } }),
      ...fields,
    }));
    const { status, body } = await post("/v1/batch", { batch, ...envelope });
    expect(status).toBe(200);
    expect(body).toMatchObject({ created: 3, updated: 0, duplicates: 0 });
    expect(await timelineOf(user)).toHaveLength(3);
  });

  it("are sixty events if sixty requests send one each at the same time", async ({ expect }) => {
    const user = newUser();
    const message = { userId: user, event: "clicked", properties: {} };
    const answers = await Promise.all(Array.from({ length: 60 }, () => post("/v1/track", message)));
    expect(answers.every(({ body }) => body["status"] === "created")).toBe(true);
    expect(await timelineOf(user)).toHaveLength(60);
  });

  it("are as many events, and the same ones when they are sent again, for any list of messages", async ({ expect }) => {
    const messageOf = fc.record({
      type: fc.constantFrom("track", "identify", "page"),
      event: fc.constantFrom("a", "b"),
      user: fc.constantFrom(0, 1),
      timestamp: fc.constantFrom("2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z", 1767323045),
      properties: fc.constantFrom({}, { price: 1 }, { price: 2 }, []),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(messageOf, { minLength: 1, maxLength: 15 }), async (messages) => {
        const users = [newUser(), newUser()];
        const batch = messages.map(({ user, ...message }) => ({ ...message, userId: users[user] }));
        const first = await post("/v1/batch", { batch, sentAt: "2026-01-02T03:05:00Z" });
        expect(first.body).toMatchObject({ created: batch.length, updated: 0, duplicates: 0, rejected: 0 });
        const stored = await Promise.all(users.map(storedOf));
        const again = await post("/v1/batch", { batch, sentAt: "2026-01-02T03:06:00Z", writeKey: "k" });
        expect(again.body).toMatchObject({ created: 0, updated: 0, duplicates: batch.length, rejected: 0 });
        expect(await Promise.all(users.map(storedOf))).toEqual(stored);
      }),
      { seed: 20260102, numRuns: 40 },
    );
  });
});
