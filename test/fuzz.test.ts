import * as fc from "fast-check";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { app } from "../src/app.ts";
import { aMessage } from "./segment.ts";
import { type Answer, anEvent, newUser, userLog } from "./tracklog.ts";

// If a run fails, fast-check names its seed and path: put both beside numRuns to repeat it.
const RUNS = { numRuns: 150 };
const KEYS = { WRITE_KEYS: "web:w1", READ_KEYS: "analyst:r1" };

/** Without /live, whose lines never end. */
const ROUTES = [...new Set(app.routes.filter(({ method }) => method !== "ALL").map(({ path }) => path))].filter(
  (path) => path !== "/live",
);

/** Without /v1/m, which never stores anything. */
const WRITE_PATHS = [...new Set(app.routes.filter(({ method }) => method === "POST").map(({ path }) => path))].filter(
  (path) => /^\/(track|v1|beacon|api)\b/.test(path) && path !== "/v1/m",
);

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 400 }),
  fc.constantFrom(
    "",
    ".",
    "..",
    "%",
    "%00",
    "%E0%A4%A",
    "%2F",
    "\0",
    "__proto__",
    "constructor",
    "null",
    "a".repeat(9_000),
  ),
);

const headerValue = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 200 }),
  fc.constantFrom("Bearer w1", "Bearer r1", "Basic dzE6", "w1", "gzip", "deflate", "br", "application/x-ndjson"),
  fc.constantFrom("0", "-1", "9".repeat(400), "https://shop.example", "bytes=0-1", "*/*", "chunked"),
);

const headers = fc.dictionary(
  fc.oneof(
    fc.constantFrom("Authorization", "X-Api-Key", "Content-Type", "Content-Encoding", "Content-Length", "X-Request-Id"),
    fc.constantFrom("Origin", "Access-Control-Request-Headers", "Cookie", "Range", "If-None-Match", "Host", "Accept"),
    fc.string({ unit: fc.constantFrom("a", "X", "-", "_", "!", "#", "*"), minLength: 1, maxLength: 20 }),
  ),
  headerValue,
  { maxKeys: 6, noNullPrototype: true },
);

const body = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  fc.string({ unit: "binary", maxLength: 500 }),
  fc.json({ noUnicodeString: false }),
  fc.array(fc.json(), { maxLength: 5 }).map((lines) => lines.join("\n")),
  fc.jsonValue().map((value) => JSON.stringify({ batch: value })),
  fc.constant(undefined),
);

const method = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("GET", "POST", "PUT", "DELETE") },
  { weight: 1, arbitrary: fc.constantFrom("HEAD", "OPTIONS", "PATCH", "QUERY", "PROPFIND", "post") },
);

/** A field of an event, or of something like it. */
const field = fc.constantFrom(
  "event",
  "event_name",
  "user_id",
  "properties",
  "timestamp",
  "context",
  "message_id",
  "userId",
  "batch",
  "__proto__",
  "constructor",
  "",
);

const messageField = fc.constantFrom(
  "event",
  "anonymousId",
  "messageId",
  "timestamp",
  "originalTimestamp",
  "properties",
  "traits",
  "context",
  "integrations",
  "groupId",
  "__proto__",
);

const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom("2026-02-30", "20-11-23T22:28:55.111Z", -1, 1e308, 1e11, 8.64e15, 8.64e15 + 1, "\ud800", "\0", " "),
  fc.constantFrom(
    { email: 1 },
    { name: null },
    { first_name: "\ud800" },
    { a: [[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]] },
  ),
);

/** A valid event with some of its fields changed or taken away. */
const nearlyValid = fc
  .array(fc.tuple(field, fc.option(value, { nil: undefined })), { maxLength: 3 })
  .map((changes) => (user: string) => {
    const event = Object.entries(anEvent({ user_id: user })).filter(([key]) => !changes.some(([name]) => name === key));
    return Object.fromEntries([...event, ...changes.filter(([, changed]) => changed !== undefined)]);
  });

/** A valid message of Segment's protocol with some of its fields changed or taken away. */
const nearlyMessage = fc
  .record({
    type: fc.constantFrom("track", "Identify", "page", "screen", "group", "alias", "trak", "", null),
    changes: fc.array(fc.tuple(messageField, fc.option(value, { nil: undefined })), { maxLength: 3 }),
  })
  .map(({ type, changes }) => (user: string) => {
    const message = Object.entries(aMessage({ type, userId: user })).filter(
      ([key]) => !changes.some(([name]) => name === key),
    );
    return Object.fromEntries([...message, ...changes.filter(([, changed]) => changed !== undefined)]);
  });

async function send(path: string, init: RequestInit, settings: Partial<Env> = {}) {
  let request;
  try {
    request = new Request(`https://tracklog.test${path}`, init);
  } catch {
    return fc.pre(false) as never; // no such request can be made
  }
  const response = await app.fetch(request, { ...env, ...settings });
  return {
    status: response.status,
    headers: response.headers,
    text: new TextDecoder().decode(await response.arrayBuffer()),
  };
}

let log: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  log = vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("any request", () => {
  it.for(ROUTES)(
    "to %s is answered: never with a fault of ours, and with a reason if it is refused",
    async (route, { expect }) => {
      const settings = fc.constantFrom({}, KEYS);
      const query = fc.array(fc.tuple(text, text), { maxLength: 3 });
      const param = fc.oneof(text.map(encodeURIComponentSafely), text);
      await fc.assert(
        fc.asyncProperty(
          method,
          param,
          query,
          headers,
          body,
          settings,
          async (verb, id, search, sent, content, keys) => {
            const path = `${route.replace(/:\w+/, () => id)}?${new URLSearchParams(search).toString()}`;
            const hasBody = content !== undefined && verb !== "GET" && verb !== "HEAD";
            const init = { method: verb, headers: sent, ...(hasBody && { body: content as BodyInit }) };
            const answer = await send(path, init, keys);
            expect(log.mock.calls).toEqual([]);
            expect(answer.status).toBeLessThan(500);
            if (answer.status < 400) return;
            expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
            if (verb !== "HEAD")
              expect(JSON.parse(answer.text)).toMatchObject({ success: false, status: answer.status });
            expect(answer.text.length).toBeLessThan(20_000); // nothing long is echoed
          },
        ),
        RUNS,
      );
    },
  );

  it("that is nearly an event is stored only if its answer says so", async ({ expect }) => {
    const outcomes = { stored: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(nearlyValid, async (make) => {
        const user = newUser();
        const event = make(user);
        const answer = await send("/track", { method: "POST", body: JSON.stringify(event) });
        expect(log.mock.calls).toEqual([]);
        expect([200, 207, 400, 413]).toContain(answer.status);
        const said = JSON.parse(answer.text) as Answer;
        expect(said["success"]).toBe(answer.status === 200);
        const stored = (await userLog(user).summary())?.events ?? 0;
        expect(stored).toBe(said["user_id"] === user ? 1 : 0);
        outcomes[stored ? "stored" : "refused"]++;
      }),
      RUNS,
    );
    expect(Math.min(outcomes.stored, outcomes.refused)).toBeGreaterThan(10); // both were tried
  });

  it("that is nearly a batch is stored event by event as its answer says", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(nearlyValid, { minLength: 1, maxLength: 8 }), async (makers) => {
        const users = makers.map(() => newUser());
        const batch = makers.map((make, i) => make(users[i]!));
        const answer = await send("/track", { method: "POST", body: JSON.stringify(batch) });
        expect(log.mock.calls).toEqual([]);
        const said = JSON.parse(answer.text) as Answer;
        const taken = (said["results"] as { status: string }[]).map(({ status }) => status !== "rejected");
        expect(answer.status).toBe(taken.every(Boolean) ? 200 : taken.some(Boolean) ? 207 : 400);
        for (const [i, user] of users.entries()) {
          const isOwn = batch[i]!["user_id"] === user; // otherwise it is another user's event
          expect((await userLog(user).summary())?.events ?? 0).toBe(taken[i] && isOwn ? 1 : 0);
        }
      }),
      { numRuns: 40 },
    );
  });
});

/** A body for any of the write paths, from one that is good to one that is cut off or has something put in. */
const writeBody = fc
  .record({
    makers: fc.array(fc.oneof(nearlyValid, nearlyMessage), { minLength: 1, maxLength: 4 }),
    form: fc.constantFrom("single", "batch", "array", "lines"),
    envelope: fc.dictionary(field, value, { maxKeys: 1, noNullPrototype: true }),
    damage: fc.option(fc.tuple(fc.nat(), fc.constantFrom("", ",", "NaN", "\u0000", "}"))),
  })
  .map(({ makers, form, envelope, damage }) => (users: string[]) => {
    const events = makers.map((make, i) => make(users[i]!));
    const bodies = {
      single: () => JSON.stringify(events[0]),
      batch: () => JSON.stringify({ ...envelope, batch: events }),
      array: () => JSON.stringify(events),
      lines: () => events.map((event) => JSON.stringify(event)).join("\n"),
    };
    const sent = bodies[form]();
    if (!damage) return { form, sent, isWhole: true };
    const at = damage[0] % sent.length;
    return { form, sent: sent.slice(0, at) + damage[1] + sent.slice(at + 1), isWhole: false };
  });

describe("a write", () => {
  it.for(WRITE_PATHS)(
    "to %s stores nothing if it is refused, and loses nothing if it is accepted",
    async (path, { expect }) => {
      const outcomes = { taken: 0, refused: 0 };
      await fc.assert(
        fc.asyncProperty(writeBody, async (make) => {
          const users = Array.from({ length: 4 }, () => newUser());
          const { form, sent, isWhole } = make(users);
          const type = form === "lines" ? "application/x-ndjson" : "application/json";
          const answer = await send(path, { method: "POST", body: sent, headers: { "Content-Type": type } });
          expect(log.mock.calls).toEqual([]);
          expect([200, 207, 400, 413]).toContain(answer.status);
          const { created = 1 } = JSON.parse(answer.text) as { created?: number };
          const stored = await Promise.all(users.map(async (user) => (await userLog(user).summary())?.events ?? 0));
          const total = stored.reduce((sum, events) => sum + events, 0);
          if (answer.status >= 400) {
            expect(total).toBe(0);
            expect(answer.text).not.toContain(users[0]); // nor is anything echoed
            outcomes.refused++;
          } else {
            // Otherwise the run may have made the event another user's.
            if (isWhole && path !== "/track") expect(total).toBe(created);
            else expect(total).toBeLessThanOrEqual(created);
            outcomes.taken++;
          }
        }),
        { seed: 20261120, numRuns: 40 },
      );
      expect(outcomes.refused).toBeGreaterThan(5);
      expect(outcomes.taken).toBeGreaterThan(0);
    },
  );
});

/** Lone surrogates have no encoding. */
function encodeURIComponentSafely(part: string): string {
  return encodeURIComponent(part.toWellFormed());
}
