import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { objectOf } from "../src/object-of.ts";
import { anEvent, newUser, requestWith } from "./tracklog.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

function outside() {
  throw new Error("An object outside of the jurisdiction");
}

/** A namespace that has jurisdictions, unlike the local one, and records its calls. */
function namespaceWithin(actual: Env["USER_LOG"]) {
  const asked: unknown[] = [];
  const jurisdiction = (within: string) => ({
    getByName: (...names: Parameters<Env["USER_LOG"]["getByName"]>) => {
      asked.push([within, ...names]);
      return actual.getByName(...names);
    },
  });
  return { asked, namespace: { jurisdiction, getByName: outside } as unknown as Env["USER_LOG"] };
}

describe("every object", () => {
  it("is addressed in one place", ({ expect }) => {
    const sources = import.meta.glob("../src/**/*.ts", { query: "?raw", import: "default", eager: true });
    const addressing = /\b(getByName|idFromName|idFromString|newUniqueId)\b|\.jurisdiction\(/;
    const files = Object.keys(sources).filter((file) => addressing.test(sources[file]!));
    expect(files).toEqual(["../src/object-of.ts"]);
  });

  it("is found by its name alone if nothing is set", ({ expect }) => {
    const getByName = vi.spyOn(env.USER_LOG, "getByName");
    expect(objectOf(env, env.USER_LOG, "ann").name).toBe("ann");
    expect(getByName.mock.calls).toEqual([["ann", {}]]);
  });

  it("lives within the jurisdiction, and near the location", ({ expect }) => {
    const { asked, namespace } = namespaceWithin(env.USER_LOG);
    objectOf({ ...env, JURISDICTION: "eu" }, namespace, "ann");
    objectOf({ ...env, JURISDICTION: "us", LOCATION: "enam" }, namespace, "ann");
    expect(asked).toEqual([
      ["eu", "ann", {}],
      ["us", "ann", { locationHint: "enam" }],
    ]);
  });

  it("is not created while the jurisdiction is invalid", ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    expect(() => objectOf({ ...env, JURISDICTION: "europe" }, env.USER_LOG, "ann")).toThrow("cannot be read");
  });

  it("of a user records within the jurisdiction", async ({ expect }) => {
    const { asked, namespace } = namespaceWithin(env.USER_LOG);
    const user = newUser();
    const init = { method: "POST", body: JSON.stringify(anEvent({ user_id: user })) };
    expect(await requestWith({ JURISDICTION: "eu", USER_LOG: namespace }, "/track", init)).toMatchObject({
      status: 200,
    });
    expect(asked).toEqual([["eu", user, {}]]);
  });

  it("does not exist locally under a jurisdiction: a request is answered 503, and stored nowhere", async ({
    expect,
  }) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const user = newUser();
    const init = { method: "POST", body: JSON.stringify(anEvent({ user_id: user })) };
    expect((await requestWith({ JURISDICTION: "eu" }, "/track", init)).status).toBe(503);
    expect(log.mock.calls.flat().join("\n")).toContain("Jurisdiction restrictions are not implemented in workerd");
    expect((await requestWith({}, `/users/${user}/events`)).status).toBe(404);
  });
});
