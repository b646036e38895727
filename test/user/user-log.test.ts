import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import { enforceRetention } from "../../src/d1/enforce-retention.ts";
import { rollUp } from "../../src/stats/roll-up.ts";
import { DAY_MS } from "../../src/d1/hour.ts";
import { MAX_EVENT_BYTES } from "../../src/limits.ts";
import { anEvent, delivered, get, newUser, rowsOf, timelineOf, track, userLog } from "../tracklog.ts";

describe("a user's log", () => {
  it("stores one of forty equal events that arrive at once", async ({ expect }) => {
    const event = anEvent({ user_id: newUser() });
    const answers = await Promise.all(Array.from({ length: 40 }, () => track(event)));
    const statuses = answers.map(({ body }) => body["status"] as string).sort();
    expect(statuses).toEqual(["created", ...Array.from({ length: 39 }, () => "duplicate")]);
    expect(answers.every(({ body }) => body["seq"] === 1 && body["revision"] === 1)).toBe(true);
  });

  it("recognises a retry after a year although D1 has removed the event, because there is no time window", async ({
    expect,
  }) => {
    const user = newUser();
    const event = anEvent({ user_id: user });
    await track(event);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), { timeout: 5_000 });
    await delivered(user);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 366 * DAY_MS });
    try {
      await rollUp(env, Date.now);
      await enforceRetention(env, Date.now, Date.now() - 30 * DAY_MS);
      expect(await rowsOf(user)).toEqual([]);
      await evictDurableObject(userLog(user));
      expect((await track(event)).body).toMatchObject({ status: "duplicate", seq: 1, revision: 1 });
    } finally {
      vi.useRealTimers();
    }
    expect(await timelineOf(user)).toHaveLength(1); // the log keeps what leaves D1
  });

  it("numbers sixty different events that arrive at once from 1 to 60, without a gap", async ({ expect }) => {
    const user = newUser();
    const events = Array.from({ length: 60 }, (_, i) => anEvent({ user_id: user, timestamp: 1_700_000_000 + i }));
    const answers = await Promise.all(events.map((event) => track(event)));
    const seqs = answers.map(({ body }) => body["seq"] as number).sort((a, b) => a - b);
    expect(seqs).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    const stored = await timelineOf(user);
    expect(stored).toHaveLength(60);
    const answered = new Map(answers.map(({ body }) => [body["timestamp"], body["seq"]]));
    for (const { timestamp, seq } of stored) expect(answered.get(timestamp)).toBe(seq); // as it was answered
  });

  it("keeps every part of forty updates that arrive at once", async ({ expect }) => {
    const user = newUser();
    const updates = Array.from({ length: 40 }, (_, i) => anEvent({ user_id: user, properties: { [`key${i}`]: i } }));
    const answers = await Promise.all(updates.map((event) => track(event)));
    const revisions = answers.map(({ body }) => body["revision"] as number).sort((a, b) => a - b);
    expect(revisions).toEqual(Array.from({ length: 40 }, (_, i) => i + 1)); // no update overwrote another
    const [stored] = await timelineOf(user);
    expect(stored!["properties"]).toEqual(Object.assign({}, ...updates.map((event) => event["properties"])));
  });

  it("merges an update into the stored event, including the context", async ({ expect }) => {
    const user = newUser();
    const event = anEvent({ user_id: user, properties: { a: 1, b: { x: 1 } }, context: { ip: "::1" } });
    await track(event);
    const update = { ...event, properties: { b: { y: 2 }, c: null }, context: { os: "mac" } };
    expect((await track(update)).body).toMatchObject({ status: "updated", seq: 1, revision: 2 });
    expect(await timelineOf(user)).toMatchObject([{ seq: 1, revision: 2 }]);
    const [stored] = await timelineOf(user);
    expect(stored!["properties"]).toEqual({ a: 1, b: { y: 2 }, c: null });
    expect(stored!["context"]).toEqual({ ip: "::1", os: "mac" });
  });

  it("recognises the retry of an update as a duplicate, although it has only some of the keys", async ({ expect }) => {
    const event = anEvent({ user_id: newUser(), properties: { a: 1 } });
    const update = { ...event, properties: { b: 2 } };
    await track(event);
    expect((await track(update)).body).toMatchObject({ status: "updated", revision: 2 });
    expect((await track(update)).body).toMatchObject({ status: "duplicate", revision: 2 });
    expect((await track(event)).body).toMatchObject({ status: "duplicate", revision: 2 });
  });

  it("treats a change of the context alone as an update", async ({ expect }) => {
    const event = anEvent({ user_id: newUser(), properties: { a: 1 } });
    await track(event);
    expect((await track({ ...event, context: { a: 1 } })).body).toMatchObject({ status: "updated", revision: 2 });
    expect((await track(event)).body).toMatchObject({ status: "duplicate", revision: 2 });
  });

  it("ignores the order of properties and the notation of timestamps and numbers", async ({ expect }) => {
    const event = anEvent({ user_id: newUser(), properties: { a: 1, b: { x: 1, y: 2 } }, timestamp: "2026-01-02" });
    await track(event);
    const same = { ...event, properties: { b: { y: 2, x: 1 }, a: 1 }, timestamp: "26-01-02T02:00:00.0009+02:00" };
    expect((await track(same)).body).toMatchObject({ status: "duplicate" });
    const written = JSON.stringify(event).replace('"a":1', '"\\u0061":1.0e0').replace("signed", "\\u0073igned");
    expect((await track(written)).body).toMatchObject({ status: "duplicate" });
  });

  it("keeps events apart by their millisecond, name or message_id", async ({ expect }) => {
    const user = newUser();
    const event = anEvent({ user_id: user });
    const others = [
      event,
      { ...event, timestamp: "2026-01-02T03:04:05.679Z" },
      { ...event, event: "Signed_up" },
      { ...event, message_id: "1" },
      { ...event, message_id: "2" },
    ];
    expect((await track(others)).body).toMatchObject({ created: 5 });
    expect((await track(others)).body).toMatchObject({ duplicates: 5 });
    const stored = await timelineOf(user);
    expect(stored.map((one) => one["message_id"] as unknown)).toEqual([null, null, "1", "2", null]);
  });

  it("marks an event as late if it happened before a stored one, and no other", async ({ expect }) => {
    const at = (timestamp: string) => anEvent({ user_id: user, timestamp });
    const user = newUser();
    const { body } = await track([at("2026-01-02"), at("2026-01-01"), at("2026-01-03"), at("2026-01-02T12:00")]);
    expect(body["results"].map(({ late }: { late?: boolean }) => late)).toEqual([undefined, true, undefined, true]);
    const equal = await track(anEvent({ user_id: user, timestamp: "2026-01-03", event: "other" }));
    expect(equal.body).not.toHaveProperty("late"); // the same time is not earlier
  });

  it("is not created by a read or a refused event", async ({ expect }) => {
    const user = newUser();
    expect((await get(`/users/${user}/events`)).status).toBe(404);
    await track(anEvent({ user_id: user, timestamp: "never" }));
    await runInDurableObject(userLog(user), async (_, { storage }) => {
      const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'events'").toArray();
      expect(tables).toEqual([]);
      expect([...storage.kv.list()]).toEqual([]);
      expect(await storage.getAlarm()).toBeNull();
    });
  });

  it("refuses an update past the size limit and stays as it is", async ({ expect }) => {
    const user = newUser();
    const event = anEvent({ user_id: user, properties: { a: "x".repeat(MAX_EVENT_BYTES / 2) } });
    await track(event);
    const before = await timelineOf(user);
    const refused = await track({ ...event, properties: { b: "x".repeat(MAX_EVENT_BYTES / 2) }, context: { c: 1 } });
    expect(refused.status).toBe(400);
    expect(refused.body["errors"]).toMatchObject([{ pointer: "", limit: MAX_EVENT_BYTES }]);
    expect(refused.body["errors"][0].actual).toBeGreaterThan(MAX_EVENT_BYTES);
    expect(await timelineOf(user)).toEqual(before);
    await delivered(user);
    expect(await rowsOf(user)).toMatchObject([{ revision: 1 }]); // nothing else is sent to D1
    // An update that stays within the limit is accepted.
    expect((await track({ ...event, properties: { a: "x" } })).body).toMatchObject({ status: "updated", revision: 2 });
  });
});
