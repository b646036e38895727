import { afterEach, beforeEach, describe, it } from "vitest";
import { aMessage, post, withWriteKeys } from "../../segment.ts";
import { newUser, timelineOf } from "../../tracklog.ts";

const basic = (user: string) => ({ authorization: `Basic ${btoa(`${user}:`)}` });

let openAgain: () => void;
beforeEach(() => {
  openAgain = withWriteKeys(
    "basic:k-basic,bearer:k-bearer,header:k-header,body:k-body,message:k-message,query:k-query",
  );
});
afterEach(() => openAgain());

/** Every place of a key, from the first that is looked at to the last. Basic and Bearer share a header. */
const PLACES = ["basic", "header", "body", "message", "query"] as const;
type Place = (typeof PLACES)[number];

/** Sends a batch with these keys in these places. */
function send(user: string, keys: Partial<Record<Place, string>>) {
  return post(
    keys.query ? `/v1/batch?writeKey=${keys.query}` : "/v1/batch",
    {
      batch: [
        { type: "page", userId: user },
        aMessage({ userId: user, ...(keys.message ? { writeKey: keys.message } : {}) }),
      ],
      ...(keys.body ? { writeKey: keys.body } : {}),
    },
    { ...(keys.basic ? basic(keys.basic) : {}), ...(keys.header ? { "x-api-key": keys.header } : {}) },
  );
}

async function sourceOf(user: string): Promise<unknown> {
  openAgain(); // the timeline needs no read key, then
  return (await timelineOf(user))[0]!["source"];
}

describe("the write key of Segment's protocol", () => {
  it.for(PLACES)("is found as %s, before all later places", async (place, { expect }) => {
    const user = newUser();
    const rest = PLACES.slice(PLACES.indexOf(place));
    const { status } = await send(user, Object.fromEntries(rest.map((each) => [each, `k-${each}`])));
    expect(status).toBe(200);
    expect(await sourceOf(user)).toBe(place);
  });

  it.for(PLACES)("decides as %s, though later places have a good one", async (place, { expect }) => {
    const [, ...later] = PLACES.slice(PLACES.indexOf(place));
    const keys = Object.fromEntries(later.map((each) => [each, `k-${each}`]));
    expect((await send(newUser(), { ...keys, [place]: "wrong" })).status).toBe(401);
  });

  it("is found as Bearer, and as the whole Authorization header of Dittofeed's SDK", async ({ expect }) => {
    const body = { batch: [aMessage({ userId: newUser() })] };
    for (const authorization of ["Bearer k-bearer", "bearer k-bearer", "k-header"])
      expect((await post("/v1/batch", body, { authorization })).status).toBe(200);
    for (const authorization of ["Bearer k", "k", "Basic", "Digest k-bearer"])
      expect((await post("/v1/batch", body, { authorization })).status).toBe(401);
  });

  it("is looked for in the next place if one is empty", async ({ expect }) => {
    const body = { ...aMessage({ userId: newUser() }), writeKey: "" };
    expect((await post("/v1/track?writeKey=k-query", body, basic(""))).status).toBe(200);
  });

  it("is the first one if messages have several, for the whole batch", async ({ expect }) => {
    const user = newUser();
    const batch = ["k-message", "k-body", "wrong"].map((writeKey, i) =>
      aMessage({ userId: user, messageId: `m${i}`, writeKey }),
    );
    expect((await post("/v1/batch", { batch })).status).toBe(200);
    expect(await sourceOf(user)).toBe("message");

    openAgain = withWriteKeys("body:k-body");
    expect((await post("/v1/batch", { batch: batch.toReversed() })).status).toBe(401);
  });

  it.for(["/v1/identify", "/v1/p", "/api/public/apps/group"])("is needed for %s, too", async (path, { expect }) => {
    expect((await post(path, { userId: "u1" })).status).toBe(401);
    expect((await post(path, { userId: "u1", writeKey: "k-body" })).status).toBe(200);
  });

  it("is not needed for the SDK's own metrics", async ({ expect }) => {
    const { status, body } = await post("/v1/m", "not even JSON");
    expect(status).toBe(200);
    expect(body).toEqual({ success: true, status: "ignored" });
  });

  it.for([
    ["no JSON", "/v1/batch", "{", {}],
    ["no batch", "/v1/batch", "{}", {}],
    ["a body that is too large", "/v1/batch", "x".repeat(1024 * 1024 + 1), {}],
    ["an encoding that is not undone", "/v1/track", "x", { "content-encoding": "br" }],
    ["broken gzip", "/v1/track", "x", { "content-encoding": "gzip" }],
    ["an invalid message", "/v1/track", "{}", {}],
    ["no JSON and a wrong key", "/v1/track", "{", basic("wrong")],
  ] as const)("is asked for before anything is said of %s", async ([, path, body, headers], { expect }) => {
    const answer = await post(path, body, headers);
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
    expect(answer.body["errors"]).toEqual([]);
  });

  it("does not hide the faults of a body from a good key", async ({ expect }) => {
    expect((await post("/v1/batch", "{", basic("k-basic"))).status).toBe(400);
    expect((await post("/v1/batch?writeKey=k-query", "{")).status).toBe(400);
  });

  it("is 503 if no key is configured, and the SDKs try again", async ({ expect }) => {
    openAgain();
    openAgain = withWriteKeys("");
    const { status, headers } = await post("/v1/batch", { batch: [aMessage()] });
    expect(status).toBe(503);
    expect(headers.get("retry-after")).not.toBeNull();
  });
});
