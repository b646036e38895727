import { setTimeout as sleep } from "node:timers/promises";
import { lockDatabase } from "../faults/lock-database.ts";
import type { Dice } from "../fuzz-run/random.ts";
import type { Cast } from "./cast.ts";
import { eraseUser } from "./keeper-client.ts";
import type { Recorder } from "./recorder.ts";
import type { ServerUnderTest } from "./server-under-test.ts";
import { type FaultRates, NO_FAULTS } from "./worker/faults.ts";

const HOUR_MS = 3_600_000;
/** How long a server runs between two kills. This makes more than a hundred kills in thirty minutes. */
const MIN_LIFE_MS = 4_000;
const MAX_LIFE_MS = 10_000;
const MAX_DEAD_MS = 400;
/** Longer than any wait for D1, so that the caller gives up first and the statement arrives late. */
const MIN_HANG_MS = 3_500;
const MAX_HANG_MS = 9_000;
const MIN_HOLD_MS = 500;
const MAX_HOLD_MS = 1_500;
/** A little longer than a wait for D1, so that the repeated statement has gathered as many rows as it can hold. */
const LATE_HOLD_MS = 3_400;
/** Production's waits are this many times as long. */
const REAL_FACTOR = 10;
const LOCK_MS = 2_500;

/** By how much a clock may be wrong. */
const CLOCKS_MS = [0, 0, 0, HOUR_MS, -HOUR_MS, -20 * HOUR_MS];
/** So far ahead that everything written before is old enough for the archive. Each leap adds to the one before. */
const LEAP_MS = 80 * HOUR_MS;
const LEAP_SHARE = 0.4;
/** The share of kills before which statements arrive late. */
const LATE_SHARE = 0.3;
const ERASED_BEFORE_LATE = 6;

/** The objects to abort and to evict besides the users' logs: binding, class and name. */
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
 * Makes every kind of fault until the run is over, and then kills the server a last time while D1 hangs. From then on nothing
 * fails, the clock is right, and only alarms do the remaining work.
 */
export async function runFaults(stage: Stage): Promise<void> {
  const { server, dice, isOver } = stage;
  const leaps = { ahead: 0 };
  let killAt = performance.now() + life(dice);
  while (!isOver()) {
    await sleep(dice.below(900));
    if (performance.now() >= killAt) {
      const { rates } = server;
      if (dice.hits(LATE_SHARE)) await delayD1(stage);
      else if (dice.hits(0.5)) await holdD1(stage);
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

/** Lets D1 hang, so that at the following kill many events are answered but not in D1. */
async function holdD1(stage: Stage): Promise<void> {
  const { dice } = stage;
  await hangD1(stage, "hold D1", MAX_HANG_MS, MIN_HOLD_MS + dice.below(MAX_HOLD_MS - MIN_HOLD_MS));
}

/**
 * Lets large statements take effect long after their callers have given up: their rows were sent again, or their users were
 * erased meanwhile. Nothing else fails until then, because a statement ends together with the object that has sent it.
 */
async function delayD1(stage: Stage): Promise<void> {
  const { server, recorder, cast, dice, isReal } = stage;
  const factor = isReal ? REAL_FACTOR : 1;
  await hangD1(stage, "hold D1 for long", MAX_HANG_MS * factor, LATE_HOLD_MS * factor);
  await done(stage, "let D1 answer late", async () => {
    await server.setFaults(dice.below(1e9), { d1: NO_FAULTS, r2: NO_FAULTS }, server.clockMs);
    const users = Array.from({ length: ERASED_BEFORE_LATE }, () => cast.someUser(dice));
    await Promise.all([sleep(MAX_HANG_MS * factor), ...users.map((user) => eraseUser(server, recorder, user))]);
  });
}

async function hangD1(stage: Stage, what: string, hangMs: number, forMs: number): Promise<void> {
  const { server, dice } = stage;
  const rates = { ...server.rates, d1: { ...NO_FAULTS, hang: 1, hangMs } };
  await done(stage, what, async () => {
    await server.setFaults(dice.below(1e9), rates, server.clockMs);
    await sleep(forMs);
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
  const hangMs = (MIN_HANG_MS + dice.below(MAX_HANG_MS - MIN_HANG_MS)) * (isReal ? REAL_FACTOR : 1);
  const kind = dice.below(10);
  if (kind < 4) return NO_FAULTS;
  if (kind < 7) return { ...NO_FAULTS, fail: 0.1, lie: 0.15, abort: 0.04 };
  if (kind < 8) return { ...NO_FAULTS, lie: 0.5 };
  if (kind < 9) return { ...NO_FAULTS, hang: 0.2, stall: 0.08, abort: 0.03, hangMs };
  return { ...NO_FAULTS, fail: 1 };
}

function life(dice: Dice): number {
  return MIN_LIFE_MS + dice.below(MAX_LIFE_MS - MIN_LIFE_MS);
}
