import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { aMessage, post } from "../../segment.ts";
import { newUser, timelineOf } from "../../tracklog.ts";

const PATHS = [
  "/v1/batch",
  "/v1/b",
  "/v1/import",
  "/v1/import/",
  "/beacon/v1/batch?writeKey=any",
  "/api/public/apps/batch",
];

describe("a batch", () => {
  it.for(PATHS)("to %s of all calls becomes events, and says what became of each", async (path, { expect }) => {
    const user = newUser();
    const batch = [
      { type: "identify", traits: { email: "a@example.com" } },
      aMessage({ messageId: "m1" }),
      { type: "page", name: "Home" },
      { type: "screen", name: "Main" },
      { type: "group", groupId: "g1" },
      { type: "Alias", previousId: "a1" },
      aMessage({ messageId: "m1" }),
    ].map((message) => ({ timestamp: "2026-01-02T03:04:05.678Z", ...message, userId: user }));
    const { status, body } = await post(path, { batch, sentAt: "2026-01-02T03:04:06Z" });
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      created: 6,
      duplicates: 1,
      updated: 0,
      rejected: 0,
      results: [
        ...[1, 2, 3, 4, 5, 6].map((seq) => ({ index: seq - 1, status: "created", seq, revision: 1 })),
        { index: 6, status: "duplicate", seq: 2, revision: 1 },
      ],
    });
    const names = (await timelineOf(user)).map(({ event }) => event as string);
    expect(names).toEqual(["identify", "clicked", "page", "screen", "group", "alias"]);
  });

  it("with some bad messages is 200 with their faults: the good ones are stored", async ({ expect }) => {
    const user = newUser();
    const batch = [aMessage({ userId: user }), aMessage({ userId: "", event: "" }), null, {}];
    const { status, body } = await post("/v1/batch", { batch });
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: false, created: 1, rejected: 3 });
    const results = body["results"] as { status: string; errors?: { pointer: string }[] }[];
    expect(results.map((result) => result.status)).toEqual(["created", "rejected", "rejected", "rejected"]);
    expect(results[1]!.errors!.map(({ pointer }) => pointer)).toEqual(["/event", "/userId"]);
    expect(results[3]!.errors).toMatchObject([{ pointer: "/type" }]);
    expect(await timelineOf(user)).toHaveLength(1);
  });

  it("shares its context with every message", async ({ expect }) => {
    const user = newUser();
    const batch = [aMessage({ userId: user }), { type: "page", userId: user, context: { tenant: "own" } }];
    const { status } = await post("/v1/batch", {
      batch,
      context: { tenant: "acme" },
      integrations: { All: true },
      x: 1,
    });
    expect(status).toBe(200);
    expect((await timelineOf(user)).map(({ context }) => (context as { tenant: string }).tenant)).toEqual([
      "acme",
      "own",
    ]);
  });

  it("with bad messages only is 400, and a problem", async ({ expect }) => {
    const { status, headers, body } = await post("/v1/batch", {
      batch: [aMessage({ event: 1 }), aMessage({ userId: null })],
    });
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toMatchObject({ success: false, created: 0, rejected: 2 });
    expect(body["errors"]).toMatchObject([{ pointer: "/batch/0/event" }, { pointer: "/batch/1/userId" }]);
  });

  it.for([[{}], [{ batch: {} }], [[]], ["text"], [null]])(
    "refuses %j, which holds no batch",
    async ([body], { expect }) => {
      const answer = await post("/v1/batch", JSON.stringify(body));
      expect(answer.status).toBe(400);
      expect(answer.body["errors"]).toEqual([
        { pointer: "/batch", detail: 'must be an array of messages: send {"batch": […]}' },
      ]);
    },
  );

  it("has the limits of /track", async ({ expect }) => {
    expect((await post("/v1/batch", { batch: [] })).status).toBe(400);
    const many = await post("/v1/batch", { batch: Array.from({ length: 501 }, () => ({ type: "page" })) });
    expect(many.status).toBe(413);
    expect(many.body).toMatchObject({ limit: 500, actual: 501 });
    const heavy = await post("/v1/batch", { batch: [aMessage({ properties: { text: "x".repeat(65 * 1024) } })] });
    expect(heavy.status).toBe(400);
    expect((await post("/v1/batch", { batch: ["x".repeat(1024 * 1024)] })).status).toBe(413);
  });
});

describe("our own trouble", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("is 503 with Retry-After, and a retry stores each event once", async ({ expect }) => {
    const [reached, unreached] = [newUser(), newUser()];
    const batch = [aMessage({ userId: reached }), aMessage({ userId: unreached })];
    vi.spyOn(console, "error").mockImplementation(() => {});
    const getByName = env.USER_LOG.getByName.bind(env.USER_LOG);
    vi.spyOn(env.USER_LOG, "getByName").mockImplementation((name) => {
      if (name === unreached) throw new Error("away");
      return getByName(name);
    });
    const failed = await post("/v1/batch", { batch, sentAt: "2026-01-02T03:04:06Z" });
    expect(failed.status).toBe(503);
    expect(Number(failed.headers.get("retry-after"))).toBeGreaterThan(0);

    vi.restoreAllMocks();
    const retry = await post("/v1/batch", { batch, sentAt: "2026-01-02T03:05:07Z" });
    expect(retry.body["results"]).toMatchObject([{ status: "duplicate" }, { status: "created" }]);
  });

  it("a passed rate is 429 with Retry-After", async ({ expect }) => {
    const user = newUser();
    const batch = Array.from({ length: 500 }, (_, i) => aMessage({ userId: user, messageId: `m${i}` }));
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await post("/v1/batch", { batch }));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(Number(answers[2]!.headers.get("retry-after"))).toBeGreaterThan(0);
  });
});
