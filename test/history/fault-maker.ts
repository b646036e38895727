import { setTimeout as sleep } from "node:timers/promises";
import { lockDatabase } from "../faults/lock-database.ts";
import type { Dice } from "../fuzz-run/random.ts";
import type { Cast } from "./cast.ts";
import type { Recorder } from "./recorder.ts";
import type { ServerUnderTest } from "./server-under-test.ts";
import { type FaultRates, NO_FAULTS } from "./worker/faults.ts";

const HOUR_MS = 3_600_000;
/** The mean life of a server: well over a hundred kills in thirty minutes. */
const MIN_LIFE_MS = 5_000;
const MAX_LIFE_MS = 14_000;
const MAX_DEAD_MS = 400;
/** Longer than any wait for D1, so that whoever waits gives up first and the statement comes late. */
const HANG_MS = 3_600;
const REAL_HANG_MS = 33_000;
const MIN_HOLD_MS = 500;
const MAX_HOLD_MS = 1_500;
const LOCK_MS = 2_500;

/** What a clock may be wrong by. */
const CLOCKS_MS = [0, 0, 0, HOUR_MS, -HOUR_MS, -20 * HOUR_MS];
/** So far ahead that everything written until then is old enough for the archive. Further each time. */
const LEAP_MS = 80 * HOUR_MS;
const LEAP_SHARE = 0.4;

/** What there is to abort and to evict, besides the users' logs: binding, class and name. */
const OBJECTS = [
  ["D1_WRITER", "D1Writer", "DB#0"],
  ["ARCHIVER", "Archiver", "DB"],
  ["LIVE_VIEW", "LiveView", "live"],
] as const;

interface Stage {
  server: ServerUnderTest;
  recorder: Recorder;
  cast: Cast;
  dice: Dice;
  isReal: boolean;
  isOver: () => boolean;
}

/**
 * Harms the server in all ways there are, until it is over, and kills it once more in the midst of it. From then on nothing
 * fails any more, the clock is right, and alarms alone do what is still to do.
 */
export async function runFaults(stage: Stage): Promise<void> {
  const { server, dice, isOver } = stage;
  const leaps = { ahead: 0 };
  let killAt = performance.now() + life(dice);
  while (!isOver()) {
    await sleep(dice.below(900));
    if (performance.now() >= killAt) {
      const { rates } = server;
      if (dice.hits(0.5)) await holdD1(stage);
      server.rates = rates;
      await done(stage, "kill", () => server.killAndRestart(dice.below(1e9), dice.below(MAX_DEAD_MS)));
      killAt = performance.now() + life(dice);
    } else await someFault(stage, leaps);
  }
  await holdD1(stage);
  server.rates = { d1: NO_FAULTS, r2: NO_FAULTS };
  server.clockMs = 0;
  await done(stage, "kill", () => server.killAndRestart(1, 0));
}

/** So that a kill that follows finds much that was answered and is not in D1. */
async function holdD1(stage: Stage): Promise<void> {
  const { server, dice } = stage;
  const rates = { ...server.rates, d1: { ...NO_FAULTS, hang: 1, hangMs: HANG_MS } };
  await done(stage, "hold D1", async () => {
    await server.setFaults(dice.below(1e9), rates, server.clockMs);
    await sleep(MIN_HOLD_MS + dice.below(MAX_HOLD_MS - MIN_HOLD_MS));
  });
}

async function someFault(stage: Stage, leaps: { ahead: number }): Promise<void> {
  const { server, cast, dice, isReal } = stage;
  const what = dice.below(100);
  const [binding, className, name] = dice.hits(0.5) ? dice.one(OBJECTS) : ["USER_LOG", "UserLog", cast.someUser(dice)];
  if (what < 30) return done(stage, `abort ${className} ${name}`, () => server.abort(binding, name));
  if (what < 60) return done(stage, `evict ${className} ${name}`, async () => server.evict(className, name));
  if (what < 82) {
    const rates = { d1: someRates(dice, isReal), r2: someRates(dice, isReal) };
    const told = `D1 ${JSON.stringify(rates.d1)}, R2 ${JSON.stringify(rates.r2)}`;
    return done(stage, told, () => server.setFaults(dice.below(1e9), rates, server.clockMs));
  }
  if (what < 96) {
    const clockMs = dice.hits(LEAP_SHARE) ? (leaps.ahead += LEAP_MS) : dice.one(CLOCKS_MS);
    return done(stage, `clock ${clockMs / HOUR_MS} h`, () => server.setFaults(dice.below(1e9), server.rates, clockMs));
  }
  return done(stage, "lock D1's file", () => lockDatabase(server.d1File, LOCK_MS).catch(() => {}));
}

async function done({ recorder }: Stage, what: string, make: () => Promise<void>): Promise<void> {
  const invoked = recorder.now();
  await make();
  recorder.note(invoked, { kind: "fault", client: "faults", what, answer: null });
}

function someRates(dice: Dice, isReal: boolean): FaultRates {
  const hangMs = isReal ? REAL_HANG_MS : HANG_MS;
  const kind = dice.below(10);
  if (kind < 4) return NO_FAULTS;
  if (kind < 7) return { ...NO_FAULTS, fail: 0.1, lie: 0.15, abort: 0.04 };
  if (kind < 8) return { ...NO_FAULTS, lie: 0.5 };
  if (kind < 9) return { ...NO_FAULTS, hang: 0.08, stall: 0.08, abort: 0.04, hangMs };
  return { ...NO_FAULTS, fail: 1 };
}

function life(dice: Dice): number {
  return MIN_LIFE_MS + dice.below(MAX_LIFE_MS - MIN_LIFE_MS);
}
