import { exports } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import { MAX_EVENT_BYTES, MAX_REQUEST_BYTES } from "../../../src/limits.ts";
import { anEvent, get, newUser, rowsOf, timelineOf, track } from "../../tracklog.ts";

/** The documentation's sample, byte for byte. */
const SAMPLE = `{
    "event": "event_name",
    "properties": {
        "property1": "value1",
        "property2": "value2"
    },
    "user_id": "user123",
    "timestamp": "20-11-23T22:28:55.111Z"
}
`;

/** Sends bytes as they are. */
function post(body: BodyInit | null, headers: Record<string, string> = {}): Promise<Response> {
  return exports.default.fetch("https://tracklog.test/track", { method: "POST", body, headers });
}

function compressed(text: string, format: "gzip" | "deflate"): Promise<ArrayBuffer> {
  return new Response(new Blob([text]).stream().pipeThrough(new CompressionStream(format))).arrayBuffer();
}

describe("POST /track", () => {
  it("takes the documentation's sample, and finds it again when it is sent twice", async ({ expect }) => {
    const first = await track(SAMPLE);
    expect(first.status).toBe(200);
    expect(first.body).toEqual({
      success: true,
      status: "created",
      event: "event_name",
      user_id: "user123",
      timestamp: "2020-11-23T22:28:55.111Z",
      seq: 1,
      revision: 1,
    });

    const second = await track(SAMPLE);
    expect(second.body).toMatchObject({ status: "duplicate", seq: 1, revision: 1 });
  });

  it("brings an event to the user's timeline at once and to D1 soon", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user, properties: { plan: "pro" } }));

    expect(await timelineOf(user)).toMatchObject([{ event: "signed_up", properties: { plan: "pro" }, seq: 1 }]);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), { timeout: 5_000 });
    expect(await rowsOf(user)).toMatchObject([
      {
        user_id: user,
        seq: 1,
        revision: 1,
        properties: '{"plan":"pro"}',
        context: "{}",
        message_id: null,
        source: null,
      },
    ]);
  });

  it("tells what became of an event: created, duplicate, updated, late", async ({ expect }) => {
    const event = anEvent({ user_id: newUser(), properties: { plan: "free" } });
    expect((await track(event)).body).toMatchObject({ success: true, status: "created", seq: 1, revision: 1 });
    expect((await track(event)).body).toMatchObject({ success: true, status: "duplicate", seq: 1, revision: 1 });
    const update = await track({ ...event, properties: { plan: "pro" } });
    expect(update.status).toBe(200);
    expect(update.body).toMatchObject({ success: true, status: "updated", seq: 1, revision: 2 });
    expect(update.body).not.toHaveProperty("late");

    const earlier = await track({ ...event, timestamp: "2025-01-01" });
    expect(earlier.body).toMatchObject({ status: "created", seq: 2, late: true });
  });

  it.for([undefined, "text/plain", "application/json; charset=utf-8", "application/x-www-form-urlencoded", "x"])(
    "reads JSON with any content type: %s",
    async (type, { expect }) => {
      const body = new Blob([JSON.stringify(anEvent({ user_id: newUser() }))]); // no type of its own
      const response = await post(body, type === undefined ? {} : { "content-type": type });
      expect(await response.json()).toMatchObject({ status: "created" });
    },
  );

  it("takes a byte order mark", async ({ expect }) => {
    const { body } = await track(`\ufeff${JSON.stringify(anEvent({ user_id: newUser() }))}`);
    expect(body).toMatchObject({ status: "created" });
  });

  it.concurrent.for([
    "a/b",
    "../x",
    "'; DROP TABLE events; --",
    '"',
    "100%",
    "%2F",
    "%zz",
    "a?b#c",
    "👩‍👩‍👧",
    "漢字 ",
    "constructor",
    "😀".repeat(256),
  ])("keeps the user id %s apart from all others, all the way to D1", async (id, { expect }) => {
    const user = id.length === 512 ? id : `${id}${crypto.randomUUID()}`;
    expect((await track(anEvent({ user_id: user }))).body).toMatchObject({ status: "created", user_id: user, seq: 1 });
    const { body } = await get(`/users/${encodeURIComponent(user)}/events`);
    expect(body).toMatchObject({ user_id: user, events: [{ seq: 1 }] });
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ user_id: user }]), { timeout: 5_000 });
  });

  it("gives back properties and context exactly as they were sent", async ({ expect }) => {
    const user = newUser();
    const odd =
      '{"__proto__":{"a":1},"constructor":{},"\\ud800":"\\udc00","nul":"\\u0000","n":-1.5e-300,"deep":[[{"":null}]],"big":1e308}';
    const text = JSON.stringify(anEvent({ user_id: user, properties: "A", context: "A" })).replaceAll('"A"', odd);
    expect((await track(text)).body).toMatchObject({ status: "created" });

    const response = await exports.default.fetch(`https://tracklog.test/users/${user}/events`);
    const [stored] = (JSON.parse(await response.text()) as { events: Record<string, unknown>[] }).events;
    expect(stored!["properties"]).toEqual(JSON.parse(odd));
    expect(Object.keys(stored!["properties"] as object)).toContain("__proto__");
    expect(JSON.stringify(stored!["context"])).toBe(JSON.stringify(JSON.parse(odd)));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), { timeout: 5_000 });
    expect((await rowsOf(user))[0]!["properties"]).toBe(JSON.stringify(JSON.parse(odd))); // D1 has the same text
    expect((await track(text)).body).toMatchObject({ status: "duplicate" });
  });
});

describe("POST /track refuses", () => {
  it("an invalid event with a problem that names all its faults", async ({ expect }) => {
    const { status, headers, body } = await track(anEvent({ user_id: "x".repeat(257), timestamp: "2020-02-30" }));
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toMatchObject({ type: expect.any(String), title: expect.any(String), status: 400, success: false });
    expect(body["errors"]).toEqual([
      { pointer: "/user_id", detail: "has 257 characters, at most 256", limit: 256, actual: 257 },
      { pointer: "/timestamp", detail: "is an impossible date: 2020-2 has no day 30" },
    ]);
    expect(body["detail"]).toContain("/user_id has 257 characters, at most 256, and 1 more");
  });

  it("a body that is not JSON, without repeating it", async ({ expect }) => {
    for (const text of ["", " \n", "{", '{"event":', "undefined", "{'a':1}", "[1,]", "[".repeat(100_000)]) {
      const { status, body } = await track(text);
      expect(status).toBe(400);
      expect(body).toMatchObject({ status: 400, success: false, errors: [{ pointer: "" }] });
      expect(JSON.stringify(body).length).toBeLessThan(800);
    }
  });

  it("JSON that is not an event, at any depth", async ({ expect }) => {
    const lists = "[".repeat(100_000) + "]".repeat(100_000);
    const objects = `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`;
    for (const text of ["null", "true", "5", '"event"', lists, objects]) {
      const { status, body } = await track(text);
      expect(status).toBe(400);
      expect(body).toMatchObject({ status: 400, success: false });
    }
  });

  it("bytes that are not UTF-8, rather than storing others in their place", async ({ expect }) => {
    const response = await post(new Uint8Array([0x22, 0xff, 0x22]));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ pointer: "", detail: "is not valid UTF-8" }] });
  });

  it("a body above 1 MB, whether its length is declared or not", async ({ expect }) => {
    const text = " ".repeat(MAX_REQUEST_BYTES + 1);
    const streamed = new Blob([text]).stream();
    for (const body of [text, streamed]) {
      const response = await post(body);
      expect(response.status).toBe(413);
      const problem = await response.json<{ actual: number }>();
      expect(problem).toMatchObject({ status: 413, success: false, limit: MAX_REQUEST_BYTES });
      expect(problem.actual).toBeGreaterThan(MAX_REQUEST_BYTES);
    }
    const event = JSON.stringify(anEvent({ user_id: newUser() }));
    const fits = await track(event.padEnd(MAX_REQUEST_BYTES)); // with the limit itself
    expect(fits.body).toMatchObject({ status: "created" });
  });

  it("an event above 64 KB, and tells how large it is", async ({ expect }) => {
    const { status, body } = await track(anEvent({ properties: { a: "x".repeat(MAX_EVENT_BYTES) } }));
    expect(status).toBe(400);
    expect(body["errors"]).toMatchObject([{ pointer: "", limit: MAX_EVENT_BYTES }]);
    expect(body["errors"][0].actual).toBeGreaterThan(MAX_EVENT_BYTES);
  });
});

describe("POST /track inflates", () => {
  it.for(["gzip", "x-gzip", "deflate", "GZIP", " gzip "])("%s", async (encoding, { expect }) => {
    const format = encoding === "deflate" ? "deflate" : "gzip";
    const body = await compressed(JSON.stringify(anEvent({ user_id: newUser() })), format);
    const response = await post(body, { "content-encoding": encoding });
    expect(await response.json()).toMatchObject({ status: "created" });
  });

  it.for(["br", "zstd", "gzip, gzip", "utf-8"])("not %s, and names what it does", async (encoding, { expect }) => {
    const response = await post("{}", { "content-encoding": encoding });
    expect(response.status).toBe(415);
    expect(response.headers.get("accept-encoding")).toBe("gzip, deflate, identity"); // RFC 7694
    expect(await response.json()).toMatchObject({ status: 415, success: false });
  });

  it("neither broken nor truncated data, nor what is not compressed at all", async ({ expect }) => {
    const whole = await compressed(JSON.stringify(anEvent({ user_id: newUser() })), "gzip");
    for (const body of [whole.slice(0, -9), new Uint8Array(50), JSON.stringify(anEvent()), ""]) {
      const response = await post(body, { "content-encoding": "gzip" });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ status: 400, success: false });
    }
  });

  it("no bomb: the limit is on what comes out", async ({ expect }) => {
    const bomb = await compressed(" ".repeat(64 * MAX_REQUEST_BYTES), "gzip");
    expect(bomb.byteLength).toBeLessThan(MAX_REQUEST_BYTES); // so that only the inflated bytes can tell
    const response = await post(bomb, { "content-encoding": "gzip" });
    expect(response.status).toBe(413);
    expect((await response.json<{ actual: number }>()).actual).toBeLessThan(2 * MAX_REQUEST_BYTES); // stopped at once
  });
});
