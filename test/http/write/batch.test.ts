import { describe, it } from "vitest";
import { MAX_EVENT_BYTES, MAX_REPORTED_FAULTS, MAX_REQUEST_EVENTS } from "../../../src/limits.ts";
import { anEvent, newUser, timelineOf, track } from "../../tracklog.ts";

const NDJSON = { "content-type": "application/x-ndjson" };

/** This many different events of one user, numbered from 1. */
function eventsOf(user: string, count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) => anEvent({ user_id: user, timestamp: 1_700_000_000_000 + i + 1 }));
}

const lines = (events: unknown[]) => events.map((event) => JSON.stringify(event)).join("\n");

const pointersOf = async (body: unknown) =>
  ((await track(body)).body["errors"] as { pointer: string }[]).map(({ pointer }) => pointer);

describe("G6: several events", () => {
  it.for([
    ["an array", (events: unknown[]) => JSON.stringify(events), {}],
    ["a batch", (events: unknown[]) => JSON.stringify({ batch: events }), {}],
    ["newline-delimited JSON", lines, NDJSON],
    [
      "… with \\r\\n, empty lines and one at the end",
      (events: unknown[]) => `\n${lines(events).replaceAll("\n", "\r\n\r\n")}\r\n`,
      NDJSON,
    ],
    ["… with parameters of the type", lines, { "content-type": "Application/X-NDJSON; charset=utf-8" }],
  ] as const)("are taken as %s, with a result for each", async ([, encode, headers], { expect }) => {
    const user = newUser();
    const { status, body } = await track(encode(eventsOf(user, 3)), headers);
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      created: 3,
      duplicates: 0,
      updated: 0,
      rejected: 0,
      results: [1, 2, 3].map((seq, index) => ({ index, status: "created", seq, revision: 1 })),
    });
    expect(await timelineOf(user)).toHaveLength(3);
  });

  it("are answered as several even if there is only one", async ({ expect }) => {
    for (const [encode, headers] of [
      [(e: unknown) => JSON.stringify([e]), {}],
      [JSON.stringify, NDJSON],
    ] as const) {
      const { body } = await track(encode(anEvent({ user_id: newUser() })), headers);
      expect(body).toMatchObject({ created: 1, results: [{ index: 0, status: "created", seq: 1 }] });
    }
  });

  it("get all three verdicts within one request, in its order", async ({ expect }) => {
    const user = newUser();
    const [first, second] = eventsOf(user, 2);
    const { status, body } = await track([second, first, first, { ...second, properties: { plan: "pro" } }, second]);
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, created: 2, duplicates: 2, updated: 1, rejected: 0 });
    expect(body["results"]).toEqual([
      { index: 0, status: "created", seq: 1, revision: 1 },
      { index: 1, status: "created", seq: 2, revision: 1, late: true },
      { index: 2, status: "duplicate", seq: 2, revision: 1 },
      { index: 3, status: "updated", seq: 1, revision: 2 },
      { index: 4, status: "duplicate", seq: 1, revision: 2 }, // {} adds nothing to what is stored
    ]);
  });

  it("of several users each go to their own log, results in the request's order", async ({ expect }) => {
    const [a, b] = [newUser(), newUser()];
    const [a1, a2] = eventsOf(a, 2);
    const [b1] = eventsOf(b, 1);
    const { body } = await track([a1, b1, { ...b1, user_id: "" }, a2]);
    expect(body["results"]).toMatchObject([
      { index: 0, status: "created", seq: 1 },
      { index: 1, status: "created", seq: 1 },
      { index: 2, status: "rejected" },
      { index: 3, status: "created", seq: 2 },
    ]);
    expect(await timelineOf(a)).toHaveLength(2);
    expect(await timelineOf(b)).toHaveLength(1);
  });

  it("are 207 if some were refused, and a bad one does not affect the others", async ({ expect }) => {
    const user = newUser();
    const [first, second] = eventsOf(user, 2);
    const bad = [null, [], 5, { ...first, user_id: "null", timestamp: "never" }];
    const { status, headers, body } = await track([first, ...bad, second]);
    expect(status).toBe(207);
    expect(headers.get("content-type")).toMatch(/^application\/json/);
    expect(body).toMatchObject({ success: false, created: 2, rejected: 4 });
    const results = body["results"] as { status: string; errors?: { pointer: string }[] }[];
    expect(results.map((result) => result.status)).toEqual(["created", ...bad.map(() => "rejected"), "created"]);
    expect(results[4]!.errors!.map(({ pointer }) => pointer)).toEqual(["/user_id", "/timestamp"]); // into the event
    expect(await timelineOf(user)).toMatchObject([{ seq: 1 }, { seq: 2 }]); // no number was used up
  });

  it("are 400 if none was accepted: a problem that has the results, too", async ({ expect }) => {
    const { status, headers, body } = await track([
      anEvent({ user_id: 1 }),
      anEvent({ timestamp: null, colour: "red" }),
    ]);
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toMatchObject({ status: 400, success: false, created: 0, duplicates: 0, updated: 0, rejected: 2 });
    expect(body["results"]).toMatchObject([
      { index: 0, status: "rejected", errors: [{ pointer: "/user_id" }] },
      { index: 1, status: "rejected", errors: [{ pointer: "/colour" }, { pointer: "/timestamp" }] },
    ]);
    expect((body["errors"] as { pointer: string }[]).map(({ pointer }) => pointer)).toEqual([
      "/0/user_id",
      "/1/colour",
      "/1/timestamp",
    ]);
  });

  it("take an update that would pass the size limit as refused, and change nothing", async ({ expect }) => {
    const event = anEvent({ user_id: newUser(), properties: { a: "x".repeat(40_000) } });
    const { status, body } = await track([event, { ...event, properties: { b: "x".repeat(40_000) } }]);
    expect(status).toBe(207);
    expect(body["results"]).toMatchObject([
      { status: "created" },
      { status: "rejected", errors: [{ pointer: "", limit: MAX_EVENT_BYTES }] },
    ]);
    expect((await track(event)).body).toMatchObject({ status: "duplicate", revision: 1 });
  });
});

describe("lines of newline-delimited JSON", () => {
  it("that cannot be read are refused one by one", async ({ expect }) => {
    const user = newUser();
    const [first, second] = eventsOf(user, 2).map((event) => JSON.stringify(event));
    const { status, body } = await track(`${first}\n{"event":\nhello\n${first}${second}\n${second}`, NDJSON);
    expect(status).toBe(207);
    expect(body).toMatchObject({ created: 2, rejected: 3 });
    expect(body["results"][1].errors).toEqual([{ pointer: "", detail: expect.stringMatching(/^is not valid JSON/) }]);
    expect(JSON.stringify(body)).not.toContain("hello"); // the refusal does not repeat the line
  });

  it("may each hold an event only, not an array of them", async ({ expect }) => {
    const { status, body } = await track(`[${JSON.stringify(anEvent())}]`, NDJSON);
    expect(status).toBe(400);
    expect(body["results"]).toMatchObject([
      { errors: [{ pointer: "", detail: "must be a JSON object, not an array" }] },
    ]);
  });

  it("keep a line separator that is only JSON's own text", async ({ expect }) => {
    const user = newUser();
    const { body } = await track(
      JSON.stringify(anEvent({ user_id: user, properties: { a: "1\u20282\u20293\u0085" } })),
      NDJSON,
    );
    expect(body).toMatchObject({ created: 1 });
    expect(await timelineOf(user)).toMatchObject([{ properties: { a: "1\u20282\u20293\u0085" } }]);
  });
});

describe("a batch is refused", () => {
  it.for([
    ["[]", {}],
    ['{"batch":[]}', {}],
    ["", NDJSON],
    ["\n \n", NDJSON],
  ] as const)("if it holds no events: %j", async ([text, headers], { expect }) => {
    const { status, body } = await track(text, headers);
    expect(status).toBe(400);
    expect(body).toMatchObject({
      success: false,
      errors: [{ pointer: text.includes("batch") ? "/batch" : "", detail: "holds no events" }],
    });
  });

  it("with pointers into the body, in each of its forms", async ({ expect }) => {
    const bad = [anEvent(), anEvent({ timestamp: "never" })].map((event) => ({ ...event, user_id: "" }));
    expect(await pointersOf(bad)).toEqual(["/0/user_id", "/1/user_id", "/1/timestamp"]);
    expect(await pointersOf({ batch: bad })).toEqual(["/batch/0/user_id", "/batch/1/user_id", "/batch/1/timestamp"]);
  });

  it("without megabytes of an answer to what is wrong everywhere", async ({ expect }) => {
    const hostile = Array.from({ length: 60 }, (_, i) => [`field${i}`, 1]);
    const { body } = await track(Array.from({ length: 20 }, () => Object.fromEntries(hostile)));
    expect(body["errors"]).toHaveLength(MAX_REPORTED_FAULTS);
    expect((body["results"] as { errors: unknown[] }[])[19]!.errors).toHaveLength(MAX_REPORTED_FAULTS);
  });

  it.for(["null", "{}", '"x"', "5"])("if batch is %s and not an array", async (batch, { expect }) => {
    const { status, body } = await track(`{"batch":${batch}}`);
    expect(status).toBe(400);
    expect(body["errors"]).toEqual([{ pointer: "/batch", detail: "must be an array of events" }]);
  });

  it("if it has other fields, each by its name", async ({ expect }) => {
    const user = newUser();
    const { status, body } = await track(`{"batch":${JSON.stringify(eventsOf(user, 1))},"sent_at":1,"__proto__":2}`);
    expect(status).toBe(400);
    expect((body["errors"] as { pointer: string }[]).map(({ pointer }) => pointer)).toEqual(["/sent_at", "/__proto__"]);
  });

  it("as a whole if it holds 501 events; 500 are accepted", async ({ expect }) => {
    const user = newUser();
    const events = eventsOf(user, MAX_REQUEST_EVENTS + 1);
    for (const [body, headers] of [
      [events, {}],
      [{ batch: events }, {}],
      [lines(events), NDJSON],
    ] as const) {
      const refused = await track(body, headers);
      expect(refused.status).toBe(413);
      expect(refused.body).toMatchObject({ success: false, limit: 500, actual: 501 });
    }
    expect((await track(events.slice(1))).body).toMatchObject({ success: true, created: 500 });
    expect((await track(events)).status).toBe(413); // nothing of the refused request was stored before
    expect((await track([events[0]])).body["results"]).toMatchObject([{ status: "created", seq: 501, late: true }]);
  });
});
