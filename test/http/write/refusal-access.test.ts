import { describe, it } from "vitest";
import { anEvent, newUser, requestWith, track } from "../../tracklog.ts";

const PAGE = "https://shop.example";
const KEYS = { OPEN: "false", WRITE_KEYS: "web:w1", READ_KEYS: "team:r1" };

const READS = [
  ["HEAD", "/users/u"],
  ["HEAD", "/users/u/events"],
  ["GET", "/users/u"],
  ["DELETE", "/users/u"],
  ["GET", "/users/u/events"],
  ["GET", "/users/u/suppression"],
  ["PUT", "/users/u/suppression"],
  ["DELETE", "/users/u/suppression"],
  ["GET", "/events"],
] as const;

function ask(method: string, path: string, more: Record<string, string> = {}, settings: Partial<Env> = {}) {
  return requestWith(settings, path, { method, headers: { Origin: PAGE, ...more } });
}

function preflight(method: string, path: string, settings: Partial<Env> = {}) {
  const asked = {
    "Access-Control-Request-Method": method,
    "Access-Control-Request-Headers": "content-type,traceparent",
  };
  return ask("OPTIONS", path, asked, settings);
}

/** The names of the CORS headers that are present. */
function granted(headers: Headers): string[] {
  return [...headers.keys()].filter((name) => name.startsWith("access-control-"));
}

describe("a slip of a page", () => {
  it.for([
    ["POST", "/trak", 404],
    ["POST", "/", 405],
    ["PUT", "/nowhere/at/all", 404],
    ["POST", "/events", 405],
    ["POST", "/users/u", 405],
    ["POST", "/users/u/nothing", 404],
    ["PUT", "/track", 405],
    ["POST", "/openapi.json", 405],
    ["POST", "/v2/batch", 404],
  ] as const)("%s %s can be read: %d, after its preflight", async ([method, path, expected], { expect }) => {
    const asked = await preflight(method, path);
    expect(asked.status).toBe(204);
    expect(asked.headers.get("Access-Control-Allow-Origin")).toBe(PAGE);
    expect(list(asked.headers, "Access-Control-Allow-Methods")).toContain(method);
    expect(asked.headers.get("Access-Control-Allow-Headers")).toBe("content-type,traceparent");

    const { status, headers, body } = await ask(method, path);
    expect(status).toBe(expected);
    expect(headers.get("Access-Control-Allow-Origin")).toBe(PAGE);
    expect(headers.get("Access-Control-Allow-Credentials")).toBe("true");
    expect(headers.get("Vary")).toContain("Origin");
    expect(body).toMatchObject({ success: false, message: expect.any(String) });
  });

  it("cannot be read by a page that ALLOWED_ORIGINS does not name", async ({ expect }) => {
    const settings = { ALLOWED_ORIGINS: "https://other.example" };
    expect(granted((await preflight("POST", "/trak", settings)).headers)).toEqual([]);
    expect(granted((await ask("POST", "/trak", {}, settings)).headers)).toEqual([]);
  });

  it("is answered for any method in a preflight", async ({ expect }) => {
    for (const method of ["constructor", "__proto__", "toString", "GET POST", "post", ""]) {
      const { status, headers } = await preflight(method, "/trak");
      expect([204, 404]).toContain(status);
      expect(headers.get("Access-Control-Allow-Methods") ?? "GET, POST").toBe("GET, POST");
    }
  });

  it("is the same without an Origin, and grants nothing", async ({ expect }) => {
    const { status, headers } = await requestWith({}, "/trak", { method: "POST" });
    expect(status).toBe(404);
    expect(granted(headers)).toEqual([]);
  });
});

describe("a slip beside the reads", () => {
  it("can be read with a key, too", async ({ expect }) => {
    for (const [method, path, expected] of [
      ["POST", "/users/u", 405],
      ["PUT", "/users/u/nothing", 404],
    ] as const) {
      expect((await preflight(method, path, KEYS)).status).toBe(204);
      const { status, headers } = await ask(method, path, { Authorization: "Bearer r1" }, KEYS);
      expect(status).toBe(expected);
      expect(headers.get("Access-Control-Allow-Origin")).toBe(PAGE);
    }
  });
});

describe("a read", () => {
  it.for(READS)(
    "%s %s is granted to no page, whether it finds something or not",
    async ([method, path], { expect }) => {
      const user = newUser();
      await track(anEvent({ user_id: user }));
      for (const id of [newUser(), user]) {
        const at = path.replace(/\/u(?=\/|$)/, `/${id}`);
        expect(granted((await preflight(method, at)).headers)).toEqual([]);
        expect((await preflight(method, at)).status).toBe(405);
        expect(granted((await preflight(method, at, KEYS)).headers)).toEqual([]);
        expect(granted((await ask(method, at)).headers)).toEqual([]); // OPEN: everybody is let in
        const withKey = await ask(method, at, { Authorization: "Bearer r1" }, KEYS);
        expect([200, 404]).toContain(withKey.status);
        expect(granted(withKey.headers)).toEqual([]);
      }
    },
  );

  it("that is refused for its key may be read: nothing was looked up", async ({ expect }) => {
    for (const [method, path] of READS) {
      const { status, headers } = await ask(method, path, {}, KEYS);
      expect(status).toBe(401);
      expect(headers.get("Access-Control-Allow-Origin")).toBe(PAGE);
    }
  });

  it("with a bad query is granted to no page either", async ({ expect }) => {
    const { status, headers } = await ask("GET", "/events?limit=0");
    expect(status).toBe(400);
    expect(granted(headers)).toEqual([]);
  });
});

function list(headers: Headers, name: string): string[] {
  return (headers.get(name) ?? "").split(",").map((item) => item.trim());
}
