import { describe, it, vi } from "vitest";
import { anEvent, newUser, requestWith } from "../../tracklog.ts";

const PAGE = "https://shop.example";

/** What the SDKs' preflights ask for (measured), and what the other ways to present a key and a body would. */
const PREFLIGHTS = [
  "authorization",
  "authorization,x-retry-count",
  "anonymousid,authorization,content-type,sentat",
  "anonymousid,authorization,content-type,rsa-retry-attempt,rsa-retry-reason,rsa-since-first-attempt,rsa-since-last-attempt,sentat",
  "content-type,x-api-key",
  "authorization,content-encoding,content-type,x-request-id",
];

function preflight(requested: string, settings: Partial<Env> = {}, origin = PAGE) {
  const headers = {
    Origin: origin,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": requested,
  };
  return requestWith(settings, "/track", { method: "OPTIONS", headers });
}

function post(settings: Partial<Env>, init: RequestInit = {}, more: Record<string, string> = {}) {
  const body = JSON.stringify(anEvent({ user_id: newUser() }));
  return requestWith(settings, "/track", { method: "POST", body, ...init, headers: { Origin: PAGE, ...more } });
}

function list(headers: Headers, name: string): string[] {
  return (headers.get(name) ?? "").split(",").map((item) => item.trim().toLowerCase());
}

describe("a preflight", () => {
  it.for(PREFLIGHTS)("for %s is answered, without a key", async (requested, { expect }) => {
    const { status, headers } = await preflight(requested, { OPEN: "false", WRITE_KEYS: "web:w1" });
    expect(status).toBe(204);
    expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(list(headers, "Access-Control-Allow-Headers")).toEqual(expect.arrayContaining(requested.split(",")));
    expect(list(headers, "Access-Control-Allow-Methods")).toContain("post");
    expect(headers.get("Access-Control-Max-Age")).toBe("86400");
    expect(headers.get("Access-Control-Allow-Credentials")).toBeNull();
    expect(list(headers, "Vary")).toContain("origin");
  });
});

describe("an answer to a page", () => {
  const limited = { KEY_RATE_LIMIT: { limit: async () => ({ success: false }) } };
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
    [429, limited, {}],
    // A setting that is of no possible type stands for a bug.
    [500, { WRITE_KEYS: 1 as unknown as string }, {}],
    [503, failing, {}],
    [503, { OPEN: "false" }, {}],
  ] as [number, Partial<Env>, RequestInit, Record<string, string>?][])(
    "with status %d may be read by it",
    async ([expected, settings, init, more], { expect }) => {
      vi.spyOn(console, "error").mockImplementation(() => {});
      const { status, headers } = await post(settings, init, more);
      vi.restoreAllMocks();
      expect(status).toBe(expected);
      expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(list(headers, "Access-Control-Expose-Headers")).toEqual(
        expect.arrayContaining(["retry-after", "ratelimit", "ratelimit-policy", "x-request-id"]),
      );
      expect(headers.get("Access-Control-Allow-Credentials")).toBeNull();
    },
  );

  it("of a read is not for pages: read keys are secret", async ({ expect }) => {
    for (const path of ["/users/u", "/users/u/events", "/users/u/suppression", "/events", "/nowhere"])
      for (const method of ["GET", "OPTIONS", "DELETE"]) {
        const { headers } = await requestWith({}, path, {
          method,
          headers: { Origin: PAGE, "Access-Control-Request-Method": "GET" },
        });
        expect([...headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
      }
  });
});

describe("ALLOWED_ORIGINS", () => {
  it.for([
    ["https://shop.example", true],
    ["https://a.example,https://shop.example", true],
    [" https://shop.example , https://a.example ,", true],
    ["https://Shop.Example/", true],
    ["*", true],
    ["", true],
    [" , ", true],
    [undefined, true],
    ["https://a.example", false],
    ["https://a.example,", false],
    ["http://shop.example", false],
    ["https://shop.example:8443", false],
    ["https://shop.example.evil.example", false],
    ["shop.example", false],
    ["null", false],
  ] as [string | undefined, boolean][])(
    "%j lets https://shop.example in: %s",
    async ([setting, allowed], { expect }) => {
      const settings = { ALLOWED_ORIGINS: setting } as Partial<Env>;
      const isAny = !setting?.replaceAll(/[ ,*]/g, "");
      for (const { headers } of [await preflight("authorization", settings), await post(settings)]) {
        expect(headers.get("Access-Control-Allow-Origin")).toBe(allowed ? (isAny ? "*" : PAGE) : null);
        expect(list(headers, "Vary")).toContain("origin"); // or a cache would hand one origin's answer to another
      }
    },
  );

  it("keeps no server out: without an Origin there is no page", async ({ expect }) => {
    const body = JSON.stringify(anEvent({ user_id: newUser() }));
    const settings = { ALLOWED_ORIGINS: "https://a.example" };
    expect((await requestWith(settings, "/track", { method: "POST", body })).status).toBe(200);
  });
});
