import { describe, it } from "vitest";
import { startContender, runLoad } from "../../bench/contender.ts";
import { measureD1Inserts } from "../../bench/d1-inserts.ts";
import { LOAD_NAMES, newEvent } from "../../bench/loads.ts";
import { sendLoad } from "../../bench/send-load.ts";
import { measureThroughput } from "../../bench/throughput.ts";
import { METERED, SEEDABLE, startVariants, UNANNOUNCED, UNTALLIED, VARIANT_NAMES } from "../../bench/variants.ts";
import { startWorkerServer } from "../../bench/worker-server.ts";

// Tests whether the benchmark still runs, not what it measures. It uses modules of src, and only a run shows if one is missing.

const REQUESTS = { single: 8, new_users: 2, batch_one_user: 1, batch_many_users: 1, duplicates: 4 };

// A log gets its table with its second event.
const TWO_EVENTS = ["ada", "ada"].map((user) => JSON.stringify(newEvent(user)));

describe("the benchmark", () => {
  it("sends every load to every variant, and finds all events", async ({ expect }) => {
    const plan = { rounds: 1, users: 4, requests: REQUESTS, deadline: 0 };
    const measured = await measureThroughput(await startVariants(), plan);
    for (const load of LOAD_NAMES) expect(Object.keys(measured[load])).toEqual([...VARIANT_NAMES]);
  });

  it.for([
    ["its live view", UNANNOUNCED],
    ["its tallies", UNTALLIED],
  ] as const)("sends events to Tracklog without %s", async ([, options], { expect }) => {
    const contender = await startContender(options, { endsInD1: true, isLate: true });
    try {
      expect((await runLoad(contender, "single", TWO_EVENTS)).eventsPerSecond).toBeGreaterThan(0);
    } finally {
      await contender.stop();
    }
  });

  it.for([
    ["counts the work for an event", METERED, "/bench/counts", /"objectRowsWritten":[1-9]/],
    ["fills a user's log", SEEDABLE, "/bench/seed?user_id=ada&events=10&first=0&step=1", /^seeded$/],
  ] as const)("%s", async ([, options, path, expected], { expect }) => {
    const server = await startWorkerServer(options);
    try {
      await fetch(new URL("/bench/counts", server.url));
      await sendLoad(server.url, TWO_EVENTS, 1);
      expect(await (await fetch(new URL(path, server.url))).text()).toMatch(expected);
    } finally {
      await server.stop();
    }
  });

  it("inserts into today's table of D1 and into that of the first release", async ({ expect }) => {
    const { ratio } = await measureD1Inserts(1_000, 1);
    expect(ratio.median).toBeGreaterThan(0);
  });
});
