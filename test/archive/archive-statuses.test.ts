import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { archiveAll } from "../../src/archive/archive-all.ts";
import { archiveStatuses } from "../../src/archive/archive-statuses.ts";

const SETTINGS = { ...env, D1_DAYS: "30", DB_1: env.SECOND_DB } as Env;

/** Settings where the first database's archiver does not take a call, and who is asked. */
function oneAway(changes: Partial<Env> = {}) {
  const asked: string[] = [];
  const getByName = (name: string) => {
    asked.push(name);
    if (name === "DB") throw new Error("the archiver is away");
    return env.ARCHIVER.getByName(name);
  };
  return { asked, settings: { ...SETTINGS, ARCHIVER: { getByName }, ...changes } as unknown as Env };
}

const WITHOUT_BUCKET = { ARCHIVE: undefined } as unknown as Partial<Env>;

afterEach(() => {
  vi.restoreAllMocks();
});

function told(log: { mock: { calls: unknown[][] } }): unknown[] {
  return log.mock.calls.map(([line]) => JSON.parse(line as string) as unknown);
}

describe("how the archive is", () => {
  it("is told for each database", async ({ expect }) => {
    const never = { lastRunAt: null, lastSuccessAt: null, job: null, manifestVersion: null };
    expect(await archiveStatuses(SETTINGS)).toMatchObject({ DB: never, DB_1: never });
  });

  it("is nothing where nothing is archived", async ({ expect }) => {
    for (const changes of [WITHOUT_BUCKET, { D1_DAYS: "" }] as Partial<Env>[]) {
      const { asked, settings } = oneAway(changes);
      expect(await archiveStatuses(settings)).toEqual({});
      expect(asked).toEqual([]);
    }
  });

  it("is not known where an archiver does not answer, which is said", async ({ expect }) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await archiveStatuses(oneAway().settings)).toEqual({ DB: null, DB_1: expect.any(Object) as object });
    expect(told(log)).toEqual([expect.objectContaining({ failure: "archiver_unreachable", database: "DB" })]);
  });
});

describe("a run of the archive", () => {
  it("goes on with the next database where an archiver is away", async ({ expect }) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const { asked, settings } = oneAway();
    Object.assign(env, { DB_1: env.SECOND_DB }); // the object has the test's own bindings
    try {
      await archiveAll(settings);
    } finally {
      delete (env as unknown as { DB_1?: D1Database }).DB_1;
    }
    expect(asked).toEqual(["DB", "DB_1"]);
    expect(told(log)).toEqual([expect.objectContaining({ failure: "archiver_unreachable", database: "DB" })]);
  });

  it("asks nobody where no bucket is bound", async ({ expect }) => {
    const { asked, settings } = oneAway(WITHOUT_BUCKET);
    await archiveAll(settings);
    expect(asked).toEqual([]);
  });
});
