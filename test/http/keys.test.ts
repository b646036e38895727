import { describe, it, vi } from "vitest";
import { app } from "../../src/app.ts";
import { parseKeys } from "../../src/http/keys.ts";
import { anEvent, newUser, requestWith, rowsOf, timelineOf, userLog } from "../tracklog.ts";

const KEYS = { OPEN: "false", WRITE_KEYS: "web:w1, server:w2", READ_KEYS: "analyst:r1" };

/** Sends an event of this user with these headers. */
function write(user: string, headers: Record<string, string>, query = "", settings: Partial<Env> = KEYS) {
  const body = JSON.stringify(anEvent({ user_id: user }));
  return requestWith(settings, `/track${query}`, { method: "POST", body, headers });
}

function read(user: string, headers: Record<string, string>, query = "") {
  return requestWith(KEYS, `/users/${user}/events${query}`, { headers });
}

const basic = (credentials: string) => ({ Authorization: `Basic ${btoa(credentials)}` });
const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });

describe("a key", () => {
  it.for([
    ["Bearer", bearer("w1"), ""],
    ["Bearer in another case", { Authorization: "bEARER   w1" }, ""],
    ["Basic without a password", basic("w1:"), ""],
    ["Basic with any password", basic("w1:p:q"), ""],
    ["Basic without even a colon", basic("w1"), ""],
    ["x-api-key", { "x-api-key": "w1" }, ""],
    ["x-api-key beside a scheme that is none of ours", { Authorization: "Digest x", "x-api-key": "w1" }, ""],
    ["?writeKey=", {}, "?writeKey=w1"],
  ] as [string, Record<string, string>, string][])("opens /track as %s", async ([, headers, query], { expect }) => {
    const user = newUser();
    expect((await write(user, headers, query)).status).toBe(200);
    expect(await timelineOf(user)).toMatchObject([{ source: "web" }]);
  });

  it.for([
    ["none", {}, ""],
    ["a wrong one", bearer("w3"), ""],
    ["the beginning of one", bearer("w"), ""],
    ["one with more behind it", bearer("w1x"), ""],
    ["one with a second word behind it", bearer("w1 w1"), ""],
    ["one in another case", bearer("W1"), ""],
    ["a key's name", bearer("web"), ""],
    ["a whole entry", bearer("web:w1"), ""],
    ["the whole secret", bearer(KEYS.WRITE_KEYS), ""],
    ["a read key", bearer("r1"), ""],
    ["a read key in the query", {}, "?writeKey=r1"],
    ["an empty Bearer", { Authorization: "Bearer " }, ""],
    ["a Bearer that was sent twice", { Authorization: "Bearer w1, Bearer w1" }, ""],
    ["no scheme", { Authorization: "w1" }, ""],
    ["Basic in clear", { Authorization: "Basic w1:" }, ""],
    ["Basic that is no base64", { Authorization: "Basic %%%" }, ""],
    ["Basic that is no UTF-8", { Authorization: `Basic ${btoa("\xff\xfe:")}` }, ""],
    ["Basic with the key as password", basic("x:w1"), ""],
    ["Basic with an empty user", basic(":w1"), ""],
    ["an empty x-api-key", { "x-api-key": "" }, ""],
    ["an empty ?writeKey=", {}, "?writeKey="],
    ["another parameter", {}, "?write_key=w1&key=w1"],
    ["a wrong key beside a good one of lesser rank", bearer("w3"), "?writeKey=w1"],
    ["a very long one", { "x-api-key": "w1".repeat(5_000) }, ""],
  ] as [string, Record<string, string>, string][])(
    "is refused as %s, and nothing is stored",
    async ([, headers, query], { expect }) => {
      const user = newUser();
      const { status, headers: answered, body } = await write(user, headers, query);
      expect(status).toBe(401);
      expect(answered.get("WWW-Authenticate")).toBe('Bearer realm="tracklog"');
      expect(answered.get("Content-Type")).toBe("application/problem+json");
      expect(body).toMatchObject({ success: false, status: 401, title: "No valid key" });
      expect(await userLog(user).summary()).toBeNull();
    },
  );

  it("lets a read key read and erase, and nothing else do so", async ({ expect }) => {
    const user = newUser();
    await write(user, bearer("w1"));
    expect((await read(user, bearer("r1"))).body["events"]).toHaveLength(1);
    for (const headers of [basic("r1:x"), { "x-api-key": "r1" }]) expect((await read(user, headers)).status).toBe(200);

    for (const [headers, query] of [
      [{}, ""],
      [bearer("w1"), ""],
      // Query strings end up in logs and histories: only write keys, which are public in a page, may stand there.
      [{}, "?writeKey=r1"],
      [{}, "?readKey=r1"],
    ] as const)
      expect((await read(user, headers, query)).status).toBe(401);

    const erase = (headers: Record<string, string>) =>
      requestWith(KEYS, `/users/${user}`, { method: "DELETE", headers });
    expect((await erase(bearer("w1"))).status).toBe(401);
    expect(await timelineOf(user)).toHaveLength(1);
    expect((await erase(bearer("r1"))).status).toBe(200);
  });

  it("of the right kind is asked for at every route", async ({ expect }) => {
    // The browser SDKs' metrics about themselves come without a key, and nothing of them is kept; monitors have none.
    const open = ["/", "/v1/m", "/health", "/openapi.json"];
    const routes = app.routes.filter(({ method, path }) => method !== "ALL" && !open.includes(path));
    expect(routes.length).toBeGreaterThan(5);
    for (const { method, path } of routes) {
      const wrong = /^\/(track|v1|beacon|sourceConfig|api)\b/.test(path) ? "r1" : "w1";
      const url = path.replace(":user_id", "u").replace(":key", wrong);
      for (const headers of [{}, bearer(wrong), bearer("x")] as Record<string, string>[]) {
        const { status } = await requestWith(KEYS, url, { method, headers });
        expect([path, status]).toEqual([path, 401]);
      }
    }
  });

  it("brings its name to the log and to D1, for each of several keys", async ({ expect }) => {
    const user = newUser();
    await write(user, bearer("w2"));
    expect(await timelineOf(user)).toMatchObject([{ source: "server" }]);
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ source: "server" }]), { timeout: 5_000 });
  });

  it("works beside its successor, and stops working when it is removed", async ({ expect }) => {
    const rotating = { ...KEYS, WRITE_KEYS: "web:old,web:new" };
    const rotated = { ...KEYS, WRITE_KEYS: "web:new" };
    for (const key of ["old", "new"]) expect((await write(newUser(), bearer(key), "", rotating)).status).toBe(200);
    expect((await write(newUser(), bearer("old"), "", rotated)).status).toBe(401);
    expect((await write(newUser(), bearer("new"), "", rotated)).status).toBe(200);
  });

  it("is compared with all keys, by digests of one length", async ({ expect }) => {
    const compare = vi.spyOn(crypto.subtle, "timingSafeEqual");
    try {
      for (const key of ["w1", "w2", "x", "x".repeat(9_000)]) await write(newUser(), bearer(key));
      // Two for each request, even if the first already matched, and the one read key if none did.
      expect(compare.mock.calls).toHaveLength(10);
      for (const [a, b] of compare.mock.calls) expect([a.byteLength, b.byteLength]).toEqual([32, 32]);
    } finally {
      compare.mockRestore();
    }
  });
});

describe("without a configured key", () => {
  it.for(["", "  ", undefined])("everything is closed and the secret named: %j", async (secret, { expect }) => {
    const user = newUser();
    const closed = { OPEN: "false", WRITE_KEYS: secret, READ_KEYS: secret } as Partial<Env>;
    const written = await write(user, bearer("w1"), "", closed);
    expect(written.status).toBe(503);
    expect(written.headers.get("Retry-After")).toBe("60");
    expect(written.body).toMatchObject({ success: false, detail: expect.stringContaining("WRITE_KEYS") });

    const answer = await requestWith(closed, `/users/${user}/events`);
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({ success: false, detail: expect.stringContaining("READ_KEYS") });
    expect(await userLog(user).summary()).toBeNull();
  });

  it.for(["TRUE", "1", "yes", "", undefined])("OPEN=%j opens nothing", async (open, { expect }) => {
    const settings = { OPEN: open, WRITE_KEYS: "" } as Partial<Env>;
    expect((await write(newUser(), {}, "", settings)).status).toBe(503);
  });

  it('OPEN="true" lets everybody in, without a source', async ({ expect }) => {
    const user = newUser();
    expect((await write(user, {}, "", { OPEN: "true", WRITE_KEYS: "" })).status).toBe(200);
    expect(await timelineOf(user)).toMatchObject([{ source: null }]);
  });

  it('OPEN="true" does not open what a key protects', async ({ expect }) => {
    expect((await write(newUser(), {}, "", { ...KEYS, OPEN: "true" })).status).toBe(401);
  });
});

describe("a secret", () => {
  it("is read with blanks around its entries, and a new line at its end", ({ expect }) => {
    expect(parseKeys(" web:k1 ,\n srv.2_b-c:AZaz09+/=!~;-.\n")).toEqual({
      ok: true,
      keys: [
        { name: "web", key: "k1" },
        { name: "srv.2_b-c", key: "AZaz09+/=!~;-." },
      ],
    });
  });

  it.for([
    ["without a name", "hush"],
    ["with an empty name", ":hush"],
    ["with an empty key", "web:"],
    ["with an entry too many", "web:hush,"],
    ["with a name of other characters", "my web:hush"],
    ["with a blank before the key", "web: hush"],
    ["with a blank in the key", "web:hu sh"],
    ["with a colon in the key, at which Basic would cut it", "web:hu:sh"],
    ["with semicolons between the entries", "web:hush;srv:hush2"],
    ["with letters that no header holds", "web:hüsh"],
  ])("%s is malformed", ([, secret], { expect }) => {
    const parsed = parseKeys(secret!);
    expect(parsed).toMatchObject({ ok: false, fault: expect.stringMatching(/^entry \d of \d is not of the form/) });
    expect(JSON.stringify(parsed)).not.toMatch(/hu|sh/);
  });

  it("that is malformed closes its routes, with one line in the log that names it and never a key", async ({
    expect,
  }) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    try {
      const settings = { OPEN: "true", WRITE_KEYS: "web:hush1,hush2" };
      for (const key of ["hush1", "hush2", "web", ""]) {
        const { status, body } = await write(newUser(), bearer(key), "", settings);
        expect(status).toBe(503);
        expect(JSON.stringify(body)).not.toContain("hush");
      }
      expect(log.mock.calls).toEqual([
        [
          JSON.stringify({
            level: "error",
            failure: "malformed_secret",
            cause: "entry 2 of 2 is not of the form name:key",
            secret: "WRITE_KEYS",
          }),
        ],
      ]);
    } finally {
      log.mockRestore();
    }
  });
});
