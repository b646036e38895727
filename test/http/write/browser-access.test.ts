import { describe, it, vi } from "vitest";
import { MAX_PREFLIGHT_HEADERS_CHARACTERS } from "../../../src/limits.ts";
import { anEvent, newUser, requestWith, userLog } from "../../tracklog.ts";

const PAGE = "https://shop.example";

/** What the SDKs' preflights ask for (measured), tracing tools, and the other ways to present a key and a body. */
const PREFLIGHTS = [
  "authorization",
  "authorization,x-retry-count",
  "anonymousid,authorization,content-type,sentat",
  "anonymousid,authorization,content-type,rsa-retry-attempt,rsa-retry-reason,rsa-since-first-attempt,rsa-since-last-attempt,sentat",
  "content-type,x-api-key",
  "authorization,content-encoding,content-type,x-request-id",
  "baggage,content-type,sentry-trace,traceparent,tracestate",
  "content-type,x-datadog-origin,x-datadog-parent-id,x-datadog-sampling-priority,x-datadog-trace-id",
  "content-type,request-context,request-id",
  "b3,content-type,x-b3-sampled,x-b3-spanid,x-b3-traceid",
];

function preflight(path: string, requested: string, settings: Partial<Env> = {}, origin = PAGE, method = "POST") {
  const headers = {
    Origin: origin,
    "Access-Control-Request-Method": method,
    "Access-Control-Request-Headers": requested,
  };
  return requestWith(settings, path, { method: "OPTIONS", headers });
}

function post(settings: Partial<Env>, init: RequestInit = {}, more: Record<string, string> = {}, user = newUser()) {
  const body = JSON.stringify(anEvent({ user_id: user }));
  return requestWith(settings, "/track", { method: "POST", body, ...init, headers: { Origin: PAGE, ...more } });
}

function list(headers: Headers, name: string): string[] {
  return (headers.get(name) ?? "").split(",").map((item) => item.trim().toLowerCase());
}

describe("a preflight", () => {
  it.for(PREFLIGHTS)("for %s is answered, without a key", async (requested, { expect }) => {
    for (const path of ["/track", "/v1/batch", "/beacon/v1/batch", "/api/public/apps/track"]) {
      const { status, headers } = await preflight(path, requested, { OPEN: "false", WRITE_KEYS: "web:w1" });
      expect(status).toBe(204);
      expect(headers.get("Access-Control-Allow-Origin")).toBe(PAGE);
      expect(headers.get("Access-Control-Allow-Credentials")).toBe("true");
      expect(headers.get("Access-Control-Allow-Headers")).toBe(requested);
      expect(list(headers, "Access-Control-Allow-Methods")).toContain("post");
      expect(headers.get("Access-Control-Max-Age")).toBe("86400");
      expect(list(headers, "Vary")).toEqual(expect.arrayContaining(["origin", "access-control-request-headers"]));
    }
  });

  it("gets headers repeated only up to the limit, and only names of headers", async ({ expect }) => {
    const longest = "x".repeat(MAX_PREFLIGHT_HEADERS_CHARACTERS);
    expect((await preflight("/track", longest)).headers.get("Access-Control-Allow-Headers")).toBe(longest);
    for (const requested of [`${longest}x`, "content-type;x", 'a"b', "a(b)", ""]) {
      const { status, headers } = await preflight("/track", requested);
      expect(status).toBe(204);
      expect(headers.get("Access-Control-Allow-Headers")).toBeNull();
    }
  });
});

describe("an answer to a page", () => {
  const limited = { WRITE_KEYS: "web:w1", KEY_RATE_LIMIT: { limit: async () => ({ success: false }) } };
  const failing = {
    USER_LOG: { getByName: () => ({ record: () => Promise.reject(Object.assign(new Error(), { overloaded: true })) }) },
  } as unknown as Partial<Env>;

  it.for([
    [200, {}, {}],
    [400, {}, { body: "{" }],
    [401, { WRITE_KEYS: "web:w1" }, {}],
    [405, {}, { method: "PUT" }],
    [413, {}, { body: " ".repeat(1_048_577) }],
    [415, {}, {}, { "Content-Encoding": "br" }],
    [429, limited, {}, { "x-api-key": "w1" }],
    // A setting of an impossible type simulates a bug.
    [500, { WRITE_KEYS: 1 as unknown as string }, {}],
    [503, failing, {}],
    [503, { OPEN: "false" }, {}],
  ] as [number, Partial<Env>, RequestInit, Record<string, string>?][])(
    "with status %d may be read by it, also with credentials",
    async ([expected, settings, init, more], { expect }) => {
      vi.spyOn(console, "error").mockImplementation(() => {});
      const { status, headers } = await post(settings, init, more);
      vi.restoreAllMocks();
      expect(status).toBe(expected);
      expect(headers.get("Access-Control-Allow-Origin")).toBe(PAGE);
      expect(headers.get("Access-Control-Allow-Credentials")).toBe("true");
      expect(list(headers, "Vary")).toContain("origin");
      expect(list(headers, "Access-Control-Expose-Headers")).toEqual(
        expect.arrayContaining(["retry-after", "ratelimit", "ratelimit-policy", "x-request-id"]),
      );
    },
  );
});

describe("ALLOWED_ORIGINS", () => {
  it.for([
    ["https://shop.example", PAGE, true],
    ["https://a.example,https://shop.example", PAGE, true],
    [" https://shop.example , https://a.example ,", PAGE, true],
    ["https://Shop.Example/", PAGE, true],
    ["*", PAGE, true],
    ["", PAGE, true],
    [" , ", PAGE, true],
    [undefined, PAGE, true],
    ["", "null", true],
    ["null", "null", true],
    ["", "capacitor://localhost", true],
    ["capacitor://localhost", "capacitor://localhost", true],
    ["https://a.example", PAGE, false],
    ["https://a.example,", PAGE, false],
    ["http://shop.example", PAGE, false],
    ["https://shop.example:8443", PAGE, false],
    ["https://shop.example.evil.example", PAGE, false],
    ["shop.example", PAGE, false],
    ["null", PAGE, false],
    ["https://shop.example", "null", false],
    ["https://shop.example", "", false],
    ["https://shop.example", "https://shop.example, https://evil.example", false],
  ] as [string | undefined, string, boolean][])(
    "%j lets the origin %j in: %s",
    async ([setting, origin, allowed], { expect }) => {
      vi.spyOn(console, "error").mockImplementation(() => {});
      const settings = { ALLOWED_ORIGINS: setting } as Partial<Env>;
      const user = newUser();
      const asked = await preflight("/track", "authorization", settings, origin);
      const sent = await post(settings, {}, { Origin: origin, "Content-Type": "text/plain" }, user);
      vi.restoreAllMocks();
      for (const { headers } of [asked, sent]) {
        expect(headers.get("Access-Control-Allow-Origin")).toBe(allowed ? origin : null);
        expect(headers.get("Access-Control-Allow-Credentials")).toBe(allowed ? "true" : null);
        expect(list(headers, "Vary")).toContain("origin"); // otherwise a cache would give one origin's answer to another
      }
      expect(asked.status).toBe(204);
      expect(sent.status).toBe(allowed ? 200 : 403);
      expect((await userLog(user).summary())?.events).toBe(allowed ? 1 : undefined);
    },
  );

  it.for([
    ["POST", "/track?writeKey=w1"],
    ["POST", "/v1/track"],
    ["POST", "/v1/batch"],
    ["POST", "/beacon/v1/batch?writeKey=w1"],
    ["POST", "/api/public/apps/track"],
    ["GET", "/v1/projects/w1/settings"],
    ["GET", "/sourceConfig/?writeKey=w1"],
  ] as const)("refuses other pages at %s %s with what to do, with any key", async ([method, path], { expect }) => {
    const user = newUser();
    const settings = { WRITE_KEYS: "web:w1", ALLOWED_ORIGINS: "https://shop.example" };
    const message = { type: "track", event: "e", userId: user, writeKey: "w1" };
    const body = JSON.stringify(
      path.startsWith("/track") ? anEvent({ user_id: user }) : { ...message, batch: [message] },
    );
    const headers = { Origin: "https://evil.example", "Content-Type": "text/plain" };
    const answer = await requestWith(settings, path, { method, headers, ...(method === "POST" && { body }) });
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({
      code: "origin_not_allowed",
      success: false,
      message: expect.stringContaining("ALLOWED_ORIGINS"),
    });
    expect(JSON.stringify(answer.body)).not.toContain("evil");
    expect(await userLog(user).summary()).toBeNull();
  });

  it("lets servers in, which send no Origin", async ({ expect }) => {
    const body = JSON.stringify(anEvent({ user_id: newUser() }));
    const settings = { ALLOWED_ORIGINS: "https://a.example" };
    const { status, headers } = await requestWith(settings, "/track", { method: "POST", body });
    expect(status).toBe(200);
    expect(headers.get("Access-Control-Allow-Origin")).toBeNull();
    expect(list(headers, "Vary")).toContain("origin");
  });

  it("lets the deployment's own pages in, such as /docs", async ({ expect }) => {
    const settings = { ALLOWED_ORIGINS: "https://a.example" };
    expect((await post(settings, {}, { Origin: "http://localhost" })).status).toBe(200);
    expect((await post(settings, {}, { Origin: "http://localhost:8080" })).status).toBe(403);
  });
});
