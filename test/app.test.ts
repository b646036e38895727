import { describe, it, vi } from "vitest";
import { app } from "../src/app.ts";
import { anEvent, newUser, requestWith } from "./tracklog.ts";

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** Every kind of answer, by its status. */
const ANSWERS: [number, string, RequestInit, Partial<Env>][] = [
  [200, "/track", { method: "POST", body: JSON.stringify(anEvent({ user_id: newUser() })) }, {}],
  [204, "/track", { method: "OPTIONS" }, {}],
  [400, "/track", { method: "POST", body: "{" }, {}],
  [401, "/users/u", {}, { READ_KEYS: "analyst:r1" }],
  [404, "/nowhere", {}, {}],
  [404, `/users/${newUser()}`, {}, {}],
  [405, "/track", {}, {}],
  [405, "/users/u/events", { method: "OPTIONS" }, {}],
  [413, "/track", { method: "POST", body: " ".repeat(1_048_577) }, {}],
  [415, "/track", { method: "POST", body: "{}", headers: { "Content-Encoding": "br" } }, {}],
  // A setting of an impossible type simulates a bug.
  [500, "/users/u", {}, { READ_KEYS: 1 as unknown as string }],
  [503, "/users/u", {}, { OPEN: "false" }],
];

async function idOf(id: string): Promise<string | null> {
  return (await requestWith({}, "/nowhere", { headers: { "X-Request-Id": id } })).headers.get("X-Request-Id");
}

describe("every answer", () => {
  it.for(ANSWERS)("%d of %s has the headers of a public API", async ([status, path, init, settings], { expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const answer = await requestWith(settings, path, init);
    vi.restoreAllMocks();
    expect(answer.status).toBe(status);
    const { headers } = answer;
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(headers.get("Referrer-Policy")).toBe("no-referrer");
    expect(headers.get("Strict-Transport-Security")).toMatch(/^max-age=\d{8}$/);
    expect(headers.get("X-Frame-Options")).toBe("SAMEORIGIN");
    expect(headers.get("X-Powered-By")).toBeNull();
    expect(headers.get("X-Request-Id")).toMatch(UUID);
    if (status < 400) return;
    expect(headers.get("Content-Type")).toBe("application/problem+json");
    expect(answer.body).toMatchObject({
      type: expect.stringMatching(/^urn:tracklog:problem:[a-z-]+$/),
      status,
      success: false,
      code: expect.stringMatching(/^[a-z_]+$/),
      message: answer.body["detail"],
      request_id: headers.get("X-Request-Id"),
    });
    expect(answer.body["type"]).toBe(`urn:tracklog:problem:${answer.body["code"].replaceAll("_", "-")}`);
  });

  it("has the client's request id if that is short and plain, otherwise one of its own", async ({ expect }) => {
    expect(await idOf("abc-DEF_123=")).toBe("abc-DEF_123=");
    expect(await idOf("x".repeat(255))).toBe("x".repeat(255));
    for (const id of ["x".repeat(256), 'a"b', "a b", "a,b", "{}", "<script>", "a\tb", "%0d%0aSet-Cookie:a=b"])
      expect(await idOf(id)).toMatch(UUID);
  });
});

describe("an unknown method", () => {
  it.for(["HEAD", "GET", "PUT", "PATCH", "DELETE", "QUERY", "PROPFIND"])(
    "%s of /track is 405",
    async (method, { expect }) => {
      const { status, headers } = await requestWith({}, "/track", { method });
      expect(status).toBe(405);
      expect(headers.get("Allow")).toBe("POST");
    },
  );

  it("is 405 with the known methods, at every path", async ({ expect }) => {
    const paths = new Set(app.routes.filter(({ method }) => method !== "ALL").map(({ path }) => path));
    expect(paths.size).toBeGreaterThan(3);
    for (const path of paths) {
      const { status, headers, body } = await requestWith({}, path.replace(/:\w+/, "u"), { method: "PATCH" });
      expect(status).toBe(405);
      expect(headers.get("Allow")).toMatch(/^(GET|HEAD|POST|PUT|DELETE)(, (GET|HEAD|POST|PUT|DELETE))*$/);
      expect(body["success"]).toBe(false);
    }
  });

  it("HEAD is answered as GET, without the body", async ({ expect }) => {
    const { status, headers, body } = await requestWith({}, `/users/${newUser()}`, { method: "HEAD" });
    expect(status).toBe(404);
    expect(headers.get("Content-Type")).toBe("application/problem+json");
    expect(body).toEqual({});
  });
});

describe("a bug", () => {
  it("is answered with a constant, and logged once with the same request id", async ({ expect }) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const { status, headers, body } = await requestWith({ READ_KEYS: 1 as unknown as string }, "/users/u");
    const lines = log.mock.calls;
    vi.restoreAllMocks();
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toMatch(/trim|TypeError|function/);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]![0] as string)).toMatchObject({
      level: "error",
      failure: "internal_error",
      cause: expect.stringContaining("TypeError"),
      request_id: headers.get("X-Request-Id"),
    });
  });
});
