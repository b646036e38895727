import { exports } from "cloudflare:workers";
import { afterEach, describe, it } from "vitest";
import { aMessage, post, withWriteKeys } from "../../segment.ts";
import { get, newUser } from "../../tracklog.ts";

let openAgain = () => {};
afterEach(() => openAgain());

const ORIGIN = { origin: "https://shop.example" };

function preflight(path: string, method: string, requestHeaders: string): Promise<Response> {
  return exports.default.fetch(`https://tracklog.test${path}`, {
    method: "OPTIONS",
    headers: {
      ...ORIGIN,
      "access-control-request-method": method,
      "access-control-request-headers": requestHeaders,
    },
  });
}

describe("a page of another origin", () => {
  it.for([
    ["segment", "POST", "/v1/t", "authorization"],
    ["segment, on a retry", "POST", "/v1/t", "authorization,x-retry-count"],
    ["segment, batching", "POST", "/v1/b", "authorization,x-retry-count"],
    ["segment, from /v1/i", "POST", "/v1/i", "authorization"],
    ["rudder", "POST", "/v1/track", "anonymousid,authorization,content-type,sentat"],
    [
      "rudder, on a retry",
      "POST",
      "/v1/identify",
      "anonymousid,authorization,content-type,rsa-retry-attempt,rsa-retry-reason,rsa-since-first-attempt,rsa-since-last-attempt,sentat",
    ],
    ["rudder, at its start", "GET", "/sourceConfig/", "authorization"],
    ["segment, at its start", "GET", "/v1/projects/k1/settings", "authorization"],
    ["dittofeed", "POST", "/api/public/apps/batch", "authorization,content-type"],
    ["a beacon with a type that asks", "POST", "/beacon/v1/batch", "content-type"],
  ] as const)("may send what %s does", async ([, method, path, headers], { expect }) => {
    openAgain = withWriteKeys("site:k1"); // a preflight has no key
    const response = await preflight(path, method, headers);
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe(ORIGIN.origin);
    expect(response.headers.get("access-control-allow-methods")!.split(",")).toContain(method);
    const allowed = response.headers.get("access-control-allow-headers")!.toLowerCase().split(",");
    expect(allowed).toEqual(expect.arrayContaining(headers.split(",")));
    expect(Number(response.headers.get("access-control-max-age"))).toBeGreaterThan(0);
  });

  it("may read every answer and its Retry-After: 200, 400, 401, 404, 405, 413", async ({ expect }) => {
    const good = aMessage({ userId: newUser() });
    openAgain = withWriteKeys("site:k1");
    const key = { ...ORIGIN, "x-api-key": "k1" };
    const answers = await Promise.all([
      post("/v1/t", good, key),
      post("/v1/b", { batch: [good, {}] }, key),
      post("/v1/t", "{", key),
      post("/v1/t", good, ORIGIN),
      post("/v1/unknown", good, key),
      post("/v1/projects/k1/settings", good, key),
      post("/v1/b", { batch: Array.from({ length: 501 }) }, key),
      post("/v1/m", {}, ORIGIN),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 400, 401, 404, 405, 413, 200]);
    for (const { headers } of answers) {
      expect(headers.get("access-control-allow-origin")).toBe(ORIGIN.origin);
      expect(headers.get("access-control-expose-headers")).toContain("Retry-After");
      expect(headers.get("access-control-allow-credentials")).toBe("true");
    }
  });
});

describe("what browser SDKs fetch to start", () => {
  it("tells analytics.js where to send, from the request's own address", async ({ expect }) => {
    openAgain = withWriteKeys("site:k1");
    const { status, headers, body } = await get("/v1/projects/k1/settings");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/json");
    expect(body).toMatchObject({
      // The only integration: the SDK would load scripts of any other.
      integrations: { "Segment.io": { apiKey: "k1", apiHost: "tracklog.test/v1", protocol: "https" } },
      metrics: { sampleRate: 0 },
    });
    expect(Object.keys(body["integrations"] as object)).toEqual(["Segment.io"]);

    const local = await exports.default.fetch("http://localhost:8787/v1/projects/k1/settings");
    expect(await local.json()).toMatchObject({
      integrations: { "Segment.io": { apiHost: "localhost:8787/v1", protocol: "http" } },
    });
  });

  it.for(["/sourceConfig/", "/sourceConfig"])("gives RudderStack's a source at %s", async (path, { expect }) => {
    openAgain = withWriteKeys("site:k1");
    const { status, body } = await get(`${path}?p=npm&v=3.34.1&build=modern&writeKey=k1&lockPluginsVersion=true`);
    expect(status).toBe(200);
    expect(body["source"]).toEqual({
      id: "tracklog",
      name: "Tracklog",
      workspaceId: "tracklog",
      enabled: true,
      config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
      destinations: [],
    });
    const byBasic = await exports.default.fetch(`https://tracklog.test${path}`, {
      headers: { ...ORIGIN, authorization: `Basic ${btoa("k1:")}` },
    });
    expect(byBasic.status).toBe(200);
    expect(byBasic.headers.get("access-control-allow-origin")).toBe(ORIGIN.origin);
  });

  it("is for known write keys only", async ({ expect }) => {
    openAgain = withWriteKeys("site:k1");
    for (const path of ["/v1/projects/k2/settings", "/sourceConfig/?writeKey=k2", "/sourceConfig"])
      expect((await get(path)).status).toBe(401);
  });

  it("is for any key if none is configured", async ({ expect }) => {
    const { status, body } = await get("/v1/projects/anything/settings");
    expect(status).toBe(200);
    expect(body).toMatchObject({ integrations: { "Segment.io": { apiKey: "anything" } } });
    expect((await get("/sourceConfig/?writeKey=anything")).status).toBe(200);
  });
});
