import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { byteLength } from "../../../src/event/json.ts";
import {
  DEFAULT_RATE_LIMIT_BURST_EVENTS,
  DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND,
  KEY_RATE_LIMIT_PERIOD_S,
  KEY_RATE_LIMIT_REQUESTS,
  MAX_EVENT_BYTES,
  MAX_NESTING_LEVELS,
  MAX_REQUEST_BYTES,
  MAX_REQUEST_EVENTS,
} from "../../../src/limits.ts";
import wranglerToml from "../../../wrangler.toml?raw";
import { anEvent, newUser, requestWith, track, userLog } from "../../tracklog.ts";

/** An event in JSON, padded with blanks to this many bytes. */
function paddedTo(bytes: number, user: string): string {
  const text = JSON.stringify(anEvent({ user_id: user }));
  return text + " ".repeat(bytes - byteLength(text));
}

/** An event that has this size, as the limit counts it. */
function eventOf(bytes: number, user: string, character = "x") {
  const event = anEvent({ user_id: user, properties: { blob: "" } });
  const rest = byteLength("signed_up") + byteLength(user) + byteLength('{"blob":""}') + byteLength("{}");
  const blob = character.repeat((bytes - rest) / byteLength(character));
  return { ...event, properties: { blob: blob + "x".repeat(bytes - rest - byteLength(blob)) } };
}

function nested(levels: number): unknown {
  return JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);
}

describe("a request", () => {
  it("may have exactly 1 MiB, but not a byte more", async ({ expect }) => {
    const user = newUser();
    expect((await track(paddedTo(MAX_REQUEST_BYTES, user))).status).toBe(200);

    const other = newUser();
    const { status, body } = await track(paddedTo(MAX_REQUEST_BYTES + 1, other));
    expect(status).toBe(413);
    const limits = { limit: MAX_REQUEST_BYTES, actual: MAX_REQUEST_BYTES + 1 };
    expect(body).toMatchObject({ success: false, ...limits, errors: [limits] });
    expect(await userLog(other).summary()).toBeNull();
  });

  it("is refused by its declared length, before anything of it is read", async ({ expect }) => {
    let pulled = 0;
    const body = new ReadableStream(
      { pull: (controller) => controller.enqueue(new Uint8Array(++pulled)) },
      { highWaterMark: 0 },
    );
    const headers = { "Content-Length": "1048577" };
    const answer = await requestWith({}, "/track", { method: "POST", body, headers });
    expect(answer.status).toBe(413);
    expect(answer.body).toMatchObject({ limit: MAX_REQUEST_BYTES, actual: 1_048_577 });
    expect(pulled).toBe(0);
  });

  it.for(["-1", "0", "x", "1e400, 3"])("is measured if it declares %s", async (declared, { expect }) => {
    let pulled = 0;
    const piece = new Uint8Array(100_000).fill(0x20);
    const body = new ReadableStream(
      { pull: (controller) => (pulled++, controller.enqueue(piece)) },
      { highWaterMark: 0 },
    );
    const answer = await requestWith({}, "/track", { method: "POST", body, headers: { "Content-Length": declared } });
    expect(answer.status).toBe(413);
    expect(pulled).toBeLessThan(13); // and left there, though it never ends
  });

  it("may have 500 events, but not one more", async ({ expect }) => {
    const user = newUser();
    const events = Array.from({ length: MAX_REQUEST_EVENTS }, (_, i) =>
      anEvent({ user_id: user, message_id: `m${i}` }),
    );
    expect((await track(events)).body).toMatchObject({ success: true, created: 500 });

    const other = newUser();
    const tooMany = [...events, anEvent()].map((event) => ({ ...event, user_id: other }));
    for (const body of [tooMany, { batch: tooMany }]) {
      const answer = await track(body);
      expect(answer.status).toBe(413);
      expect(answer.body).toMatchObject({ success: false, limit: 500, actual: 501 });
    }
    const lines = await track(tooMany.map((event) => JSON.stringify(event)).join("\n"), {
      "Content-Type": "application/x-ndjson",
    });
    expect(lines.status).toBe(413);
    expect(await userLog(other).summary()).toBeNull();
  });
});

describe("an event", () => {
  it.for(["x", "ü", "€", "𝄞"])("may have exactly 64 KiB, but not a byte more: of %s", async (character, { expect }) => {
    const user = newUser();
    expect((await track(eventOf(MAX_EVENT_BYTES, user, character))).status).toBe(200);

    const other = newUser();
    const { status, body } = await track(eventOf(MAX_EVENT_BYTES + 1, other, character));
    expect(status).toBe(400);
    expect(body).toMatchObject({ success: false, errors: [{ limit: MAX_EVENT_BYTES, actual: MAX_EVENT_BYTES + 1 }] });
    expect(await userLog(other).summary()).toBeNull();
  });

  it.for(["properties", "context"])("may nest 20 levels in its %s, but not one more", async (field, { expect }) => {
    const user = newUser();
    const event = anEvent({ user_id: user, [field]: nested(MAX_NESTING_LEVELS - 1) });
    expect((await track(event)).status).toBe(200);

    const other = newUser();
    const { status, body } = await track({ ...event, user_id: other, [field]: nested(MAX_NESTING_LEVELS) });
    expect(status).toBe(400);
    expect(body["errors"]).toMatchObject([{ pointer: `/${field}`, limit: 20, actual: 21 }]);
    expect(await userLog(other).summary()).toBeNull();
  });

  it("that nests as deep as a request can hold is refused like any other", async ({ expect }) => {
    const levels = 150_000;
    for (const body of [
      "[".repeat(500_000) + "]".repeat(500_000),
      `{"event":"e","user_id":"u","timestamp":0,"properties":${'{"a":'.repeat(levels)}1${"}".repeat(levels)}}`,
    ])
      expect((await track(body)).status).toBe(400);
  });
});

describe("wrangler.toml", () => {
  it("counts a key's requests as limits.ts says", ({ expect }) => {
    const [, limit, period] = /^simple = \{ limit = (\d+), period = (\d+) \}$/m.exec(wranglerToml) ?? [];
    expect([Number(limit), Number(period)]).toEqual([KEY_RATE_LIMIT_REQUESTS, KEY_RATE_LIMIT_PERIOD_S]);
  });

  it("sets the defaults of a user's rate", ({ expect }) => {
    expect(Number(env.RATE_LIMIT_BURST_EVENTS)).toBe(DEFAULT_RATE_LIMIT_BURST_EVENTS);
    expect(Number(env.RATE_LIMIT_EVENTS_PER_SECOND)).toBe(DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND);
  });

  it("is closed by default, and asks for both secrets", ({ expect }) => {
    expect(wranglerToml).toMatch(/^OPEN = "false"$/m);
    expect(wranglerToml).toMatch(/^required = \["WRITE_KEYS", "READ_KEYS"\]$/m);
  });
});
