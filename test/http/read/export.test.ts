import { exports } from "cloudflare:workers";
import { describe, it } from "vitest";
import { type Answer, anEvent, call, newUser, track } from "../../tracklog.ts";

async function exported(user: string) {
  const response = await exports.default.fetch(`https://tracklog.test/users/${encodeURIComponent(user)}/export`);
  const text = await response.text();
  const lines = text.split("\n").filter((line) => line !== "");
  return { response, lines: lines.map((line) => JSON.parse(line) as Answer) };
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
    expect(lines.at(-1)).toEqual({ kind: "end", events: 800, links: 2 });
  });

  it("says that a user is suppressed of whom nothing else is kept", async ({ expect }) => {
    const user = newUser();
    await call("PUT", `/users/${user}/suppression`);
    const { lines } = await exported(user);
    expect(lines).toMatchObject([
      { kind: "user", suppressed: true },
      { kind: "end", events: 0 },
    ]);
  });

  it("is 404 for a user of whom nothing is kept", async ({ expect }) => {
    const { response, lines } = await exported(newUser());
    expect(response.status).toBe(404);
    expect(lines[0]).toMatchObject({ title: "Not found" });
  });
});
