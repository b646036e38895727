import { describe, it } from "vitest";
import { anEvent, newUser, requestWith } from "../tracklog.ts";

const KEYS = { OPEN: "false", WRITE_KEYS: "web:w1,server:w2", READ_KEYS: "analyst:r1" };

const basic = (credentials: string) => ({ Authorization: `Basic ${btoa(credentials)}` });
const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });

/** The answer to a refused key, at a path that needs a write key or one that needs a read key. */
async function toldAt(kind: "write" | "read", headers: Record<string, string>, query = ""): Promise<string> {
  const body = JSON.stringify(anEvent({ user_id: newUser() }));
  const { status, body: problem } =
    kind === "write"
      ? await requestWith(KEYS, `/track${query}`, { method: "POST", body, headers })
      : await requestWith(KEYS, `/events${query}`, { headers });
  if (status !== 401) throw new Error(`not refused: ${status}`);
  return problem["message"] as string;
}

describe("a refused key is told what to do", () => {
  it("when there is none", async ({ expect }) => {
    expect(await toldAt("write", {})).toMatch(
      /needs a write key, and none was sent.*Authorization: Bearer <key>.*writeKey/,
    );
    const read = await toldAt("read", {}, "?writeKey=r1");
    expect(read).toMatch(/needs a read key, and none was sent/);
    expect(read).not.toContain("writeKey"); // a read key must not be in a query
  });

  it.for([
    { Authorization: "w1" },
    { Authorization: "Bearer w1 w1" },
    { Authorization: "Digest x" },
    basic(":w1"),
    basic(""),
  ])("when its header has no form that is taken: %j", async (headers, { expect }) => {
    expect(await toldAt("write", headers)).toMatch(/the Authorization header holds none in a known form/);
  });

  it.for([
    ["a Bearer", bearer("web:w1"), ""],
    ["x-api-key", { "x-api-key": "web:w1" }, ""],
    ["the query", {}, "?writeKey=web:w1"],
    ["a wrong entry", bearer("nobody:nothing"), ""],
    ["the whole secret", bearer(KEYS.WRITE_KEYS), ""],
  ] as [string, Record<string, string>, string][])(
    "when the secret's own entry was pasted, as %s",
    async ([, headers, query], { expect }) => {
      expect(await toldAt("write", headers, query)).toMatch(
        /WRITE_KEYS lists "name:key": send only the part after the colon/,
      );
    },
  );

  it("when the entry was given to Basic, with the name as the user", async ({ expect }) => {
    expect(await toldAt("write", basic("web:w1"))).toMatch(/Send the key as the user name.*leave the password empty/);
    expect(await toldAt("write", basic("w3:"))).toMatch(/not in WRITE_KEYS/);
  });

  it("when it is unknown", async ({ expect }) => {
    expect(await toldAt("write", bearer("w3"))).toMatch(/not in WRITE_KEYS/);
    expect(await toldAt("read", bearer("w3"))).toMatch(/not in READ_KEYS/);
  });

  it("when it is of the other kind", async ({ expect }) => {
    expect(await toldAt("write", bearer("r1"))).toMatch(/This is a read key, which cannot write/);
    expect(await toldAt("write", {}, "?writeKey=r1")).toMatch(/This is a read key/);
    expect(await toldAt("read", bearer("w2"))).toMatch(/This is a write key, which can neither read nor erase/);
  });

  it("without repeating what was sent, or telling whether its name is known", async ({ expect }) => {
    const texts = await Promise.all(["web:zz9", "zz9:w1", "zz9:zz9"].map((key) => toldAt("write", bearer(key))));
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).not.toMatch(/web|zz9|w1/);
  });
});
