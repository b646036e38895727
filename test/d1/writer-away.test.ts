import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, type MockInstance, vi } from "vitest";
import { checkDatabases } from "../../src/d1/check-databases.ts";
import { laneStatuses } from "../../src/d1/lane-statuses.ts";
import { callUponWaiting } from "../../src/user/call-upon-waiting.ts";
import { expireLogs } from "../../src/user/expire-logs.ts";

const asked: string[] = [];
let log: MockInstance;

/** Two lanes, and the first one's writer does not take a call. */
const SETTINGS = {
  ...env,
  D1_WRITER_LANES: "2",
  D1_WRITER: {
    getByName: (name: string) => {
      asked.push(name);
      if (name === "DB#0") throw new Error("the writer is away");
      return env.D1_WRITER.getByName(name);
    },
  },
} as unknown as Env;

beforeEach(() => {
  asked.length = 0;
  log = vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  vi.restoreAllMocks();
});

function told(): unknown[] {
  return log.mock.calls.map(([line]) => JSON.parse(line as string) as unknown);
}

describe("a writer that is away", () => {
  const cause = "Error: the writer is away";

  it("is told of, and the others say how they are", async ({ expect }) => {
    const waiting = { users: 0, events: 0, oldest: null };
    expect(await laneStatuses(SETTINGS, "DB")).toMatchObject([null, { waiting }]);
    expect(told()).toEqual([
      expect.objectContaining({ failure: "writer_unreachable", cause, database: "DB", lane: 0 }),
    ]);
    expect(await checkDatabases(SETTINGS, Date.now())).toMatchObject({ DB: { status: "no_writer", usersWaiting: 0 } });
  });

  it.for([
    ["waiting_not_called_upon", callUponWaiting],
    ["expiry_walk_broke_off", expireLogs],
  ] as const)("does not hold up the others, and is told of: %s", async ([failure, run], { expect }) => {
    await run(SETTINGS, Date.now());
    expect(new Set(asked)).toEqual(new Set(["DB#0", "DB#1"]));
    expect(told()).toEqual([expect.objectContaining({ failure, cause, database: "DB", lane: 0 })]);
  });
});
