import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { chooseDatabase, chooseOpenDatabase, noteFull } from "../../src/d1/open-databases.ts";
import { FULL_MEMORY_MS } from "../../src/limits.ts";
import { breakD1 } from "../d1-faults.ts";
import { events, newUser, record, stateOf } from "../tracklog.ts";

const THREE = { ...env, DB_1: env.DB, DB_2: env.DB } as Env;
const USERS = Array.from({ length: 60 }, newUser);

function chosenBy(bindings: Env, now: number): string[] {
  return [...new Set(USERS.map((user) => chooseDatabase(bindings, user, now)))].sort();
}

afterEach(() => {
  vi.restoreAllMocks();
  Reflect.deleteProperty(env, "DB_7");
});

describe("the database of a new log", () => {
  it("is never one that is closed", ({ expect }) => {
    expect(chosenBy(THREE, 0)).toEqual(["DB", "DB_1", "DB_2"]);
    expect(chosenBy({ ...THREE, CLOSED_DATABASES: "DB, DB_2" }, 0)).toEqual(["DB_1"]);
  });

  it("is no other one if a log has to leave its own and none is open", ({ expect }) => {
    const others = USERS.map((user) => chooseOpenDatabase(THREE, user, 0, "DB"));
    expect(new Set(others)).toEqual(new Set(["DB_1", "DB_2"]));
    expect(chooseOpenDatabase({ ...THREE, CLOSED_DATABASES: "DB_1,DB_2" }, "ann", 0, "DB")).toBeNull();
  });

  it("is any of them if all are closed, because the log keeps the events until one is open", ({ expect }) => {
    expect(chosenBy({ ...THREE, CLOSED_DATABASES: "DB,DB_1,DB_2" }, 0)).toEqual(["DB", "DB_1", "DB_2"]);
  });

  it("is not one that was full within the last hour", ({ expect }) => {
    noteFull("DB_2", 1_000);
    expect(chosenBy(THREE, 1_000 + FULL_MEMORY_MS - 1)).toEqual(["DB", "DB_1"]);
    expect(chosenBy(THREE, 1_000 + FULL_MEMORY_MS)).toEqual(["DB", "DB_1", "DB_2"]);
  });

  it("is another one after a delivery has found the first to be full", async ({ expect }) => {
    Object.assign(env, { DB_7: env.SECOND_DB });
    const d1 = breakD1("Exceeded maximum DB size");
    const onFirst = USERS.find((user) => chooseDatabase(env, user, 0) === "DB")!;
    await record(onFirst, ...events(1));
    await vi.waitFor(() => expect(chosenBy(env, Date.now())).toEqual(["DB_7"]), 5_000);
    const next = USERS.find((user) => user !== onFirst)!;
    d1.restore();
    await record(next, ...events(1));
    expect((await stateOf(next))!.database).toBe("DB_7");
  });
});
