import { exports } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import { breakD1 } from "../../d1-faults.ts";
import { type Answer, anEvent, call, newUser, requestWith, track } from "../../tracklog.ts";

async function exported(user: string) {
  const response = await exports.default.fetch(`https://tracklog.test/users/${encodeURIComponent(user)}/export`);
  const text = await response.text();
  const lines = text.split("\n").filter((line) => line !== "");
  return { response, lines: lines.map((line) => JSON.parse(line) as Answer) };
}

function post(path: string, body: object) {
  return requestWith({ KEEP_REJECTED_BODIES: "true" }, path, { method: "POST", body: JSON.stringify(body) });
}

describe("GET /users/{user_id}/export", () => {
  it("has the profile, every event past a page, the linked ids, and an end line", async ({ expect }) => {
    const user = newUser();
    for (const from of [0, 400])
      await track(
        Array.from({ length: 400 }, (_, n) =>
          anEvent({
            user_id: user,
            timestamp: 1_700_000_000_000 + from + n,
            properties: { email: "a@example.com" },
            context: { anonymousId: `visitor-${n % 2}` },
          }),
        ),
      );
    const { response, lines } = await exported(user);
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(response.headers.get("content-disposition")).toContain("attachment");
    expect(lines[0]).toMatchObject({ kind: "user", user_id: user, properties: { email: "a@example.com" } });
    const seqs = lines.filter(({ kind }) => kind === "event").map(({ seq }) => seq as number);
    expect(seqs).toEqual(Array.from({ length: 800 }, (_, n) => n + 1));
    expect(lines.filter(({ kind }) => kind === "link").map(({ id }) => id as string)).toEqual([
      "visitor-0",
      "visitor-1",
    ]);
    expect(lines.at(-1)).toEqual({ kind: "end", events: 800, links: 2, erasures: 0, rejections: 0 });
  });

  it("says that a user is suppressed even if nothing else is stored", async ({ expect }) => {
    const user = newUser();
    await call("PUT", `/users/${user}/suppression`);
    const { lines } = await exported(user);
    expect(lines).toMatchObject([
      { kind: "user", suppressed: true },
      { kind: "end", events: 0 },
    ]);
  });

  it("has the receipts of erasures, even if nothing else is stored", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await call("DELETE", `/users/${user}`);
    const { lines } = await exported(user);
    expect(lines).toMatchObject([
      { kind: "user", properties: {}, first_seen: null },
      { kind: "erasure", events: 1, databases: [{ database: "DB", events: 1 }] },
      { kind: "end", events: 0, erasures: 1, rejections: 0 },
    ]);
  });

  it("has the stored rejections of the user, however the id was sent, until an erasure", async ({ expect }) => {
    const id = String(Math.floor(Math.random() * 1e15));
    await post("/track", anEvent({ user_id: id, properties: 1 }));
    await post("/v1/batch", { batch: [{ type: "track", userId: Number(id), event: "" }] });
    await post("/v1/track", { anonymousId: id, event: "" });
    await post("/track", anEvent({ user_id: `${id}-other`, properties: 1 }));
    const found = () => exported(id).then(({ lines }) => lines.filter(({ kind }) => kind === "rejection"));
    await vi.waitFor(async () => expect(await found()).toHaveLength(3), { timeout: 10_000, interval: 100 });
    expect(await found()).toMatchObject([
      { path: "/v1/track", user_id: id, body: { anonymousId: id } },
      { path: "/v1/batch", user_id: id, body: { batch: [{ userId: Number(id) }] } },
      { path: "/track", user_id: id, body: { user_id: id, properties: 1 }, errors: [{ pointer: "/properties" }] },
    ]);
    await requestWith({ KEEP_REJECTED_BODIES: "true" }, `/users/${id}`, { method: "DELETE" });
    expect((await exported(id)).response.status).toBe(404);
  });

  it("is 503, rather than incomplete, while D1 cannot return the rejections", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    breakD1();
    expect((await exported(user)).response.status).toBe(503);
    vi.restoreAllMocks();
  });

  it("is 404 for a user for whom nothing is stored", async ({ expect }) => {
    const { response, lines } = await exported(newUser());
    expect(response.status).toBe(404);
    expect(lines[0]).toMatchObject({ title: "Not found" });
  });
});
