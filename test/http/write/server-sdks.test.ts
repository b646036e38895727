import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { SERVER_SDKS } from "../../fixtures/server-sdks.ts";
import { post, withWriteKeys } from "../../segment.ts";
import { newUser, timelineOf, userLog } from "../../tracklog.ts";

let openAgain: () => void;
beforeEach(() => {
  openAgain = withWriteKeys("site:k1");
});
afterEach(() => {
  vi.restoreAllMocks();
  openAgain();
});

type ServerSdk = (typeof SERVER_SDKS)[number];

/** Sends as the SDK does, until it stops. */
async function deliver(sdk: ServerSdk, messages: Parameters<ServerSdk["body"]>[0]) {
  const json = JSON.stringify(sdk.body(messages));
  for (let requests = 1; ; requests++) {
    const { status, body } = await post(sdk.path, sdk.headers["content-encoding"] ? gzip(json) : json, sdk.headers);
    const reading = sdk.read(status, body);
    if (reading !== "retry" || requests === sdk.attempts) return { reading, requests, status };
  }
}

function gzip(text: string): ReadableStream {
  return new Response(text).body!.pipeThrough(new CompressionStream("gzip"));
}

/** One message of each call for a user. */
const callsOf = (userId: string) => [
  { type: "identify", userId, messageId: "m1", traits: { email: "ann@example.com" } },
  { type: "track", userId, messageId: "m2", event: "clicked", properties: { email: null, plan: "pro" } },
  { type: "track", userId, messageId: "m3", event: "clicked" },
  { type: "page", userId, messageId: "m4", name: "Home" },
  { type: "group", userId, messageId: "m5", groupId: "g1" },
  { type: "alias", userId, messageId: "m6", previousId: "a1" },
];

describe.for(SERVER_SDKS)("$client", (sdk) => {
  it("delivers every call with one request, each as one event", async ({ expect }) => {
    const user = newUser();
    expect(await deliver(sdk, callsOf(user))).toMatchObject({ reading: "delivered", requests: 1 });
    openAgain();
    const ids = (await timelineOf(user)).map(({ message_id }) => message_id as string);
    expect(ids.sort()).toEqual(["m1", "m2", "m3", "m4", "m5", "m6"]);
  });

  it("takes a batch with a bad message for delivered, since the others are stored", async ({ expect }) => {
    const user = newUser();
    const bad = { type: "trak", userId: user, messageId: "m9" };
    expect(await deliver(sdk, [...callsOf(user), bad])).toMatchObject({ reading: "delivered", requests: 1 });
    openAgain();
    expect(await timelineOf(user)).toHaveLength(6);
  });

  it("stores each event once if its first answers were 503", async ({ expect }) => {
    const user = newUser();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const getByName = env.USER_LOG.getByName.bind(env.USER_LOG);
    let failures = 2;
    vi.spyOn(env.USER_LOG, "getByName").mockImplementation((name) => {
      if (failures-- > 0) throw new Error("away");
      return getByName(name);
    });
    expect(await deliver(sdk, callsOf(user))).toMatchObject({ reading: "delivered", requests: 3 });
    openAgain();
    expect(await timelineOf(user)).toHaveLength(6);
  });

  it("stops at a batch without a good message, and stores nothing of it", async ({ expect }) => {
    const user = newUser();
    const { status, requests } = await deliver(sdk, [{ type: "trak", userId: user, messageId: "m1" }]);
    expect(status).toBe(400);
    expect(requests).toBeLessThanOrEqual(sdk.client.startsWith("analytics-go") ? sdk.attempts : 1);
    expect(await userLog(user).summary()).toBeNull();
  });
});
