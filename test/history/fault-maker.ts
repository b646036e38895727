import { setTimeout as sleep } from "node:timers/promises";
import { lockDatabase } from "../faults/lock-database.ts";
import type { Dice } from "../fuzz-run/random.ts";
import type { Cast } from "./cast.ts";
import { eraseUser, runArchive } from "./keeper-client.ts";
import type { Recorder } from "./recorder.ts";
import { DATABASES, type ServerUnderTest } from "./server-under-test.ts";
import { type FaultRates, NO_FAULTS } from "./worker/faults.ts";

const HOUR_MS = 3_600_000;
/** How long a server runs between two kills. This makes more than a hundred kills in thirty minutes. */
const MIN_LIFE_MS = 2_000;
const MAX_LIFE_MS = 6_000;
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
/**
 * After this many leaps, the next one is the first again. All of them together are less than 30 days, so that the
 * receipts of all erasures (ERASURE_RECEIPT_MS) and their tombstones (TOMBSTONE_DAYS) are there until the end.
 */
const LEAPS = 8;
const LEAP_SHARE = 0.4;
/** After the first of this many kills, the clock leaps, and nothing fails until the archive has run. */
const KILLS_PER_ARCHIVE = 3;
/** The share of kills before which statements arrive late. Each of them takes as long as two other lives of a server. */
const LATE_SHARE = 0.12;
const ERASED_BEFORE_LATE = 6;
export const LATE_FAULT = "let D1 answer late";

/** The objects to abort and to evict besides the users' logs: binding, class and name. */
const OBJECTS = [
  ["D1_WRITER", "D1Writer", "DB#0"],
  ["D1_WRITER", "D1Writer", "DB_1#0"],
  ["ARCHIVER", "Archiver", "DB"],
  ["ARCHIVER", "Archiver", "DB_1"],
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
  const { server, recorder, dice, isOver } = stage;
  const leaps = { made: 0 };
  let killAt = performance.now() + life(dice);
  while (!isOver()) {
    await sleep(dice.below(900));
    if (performance.now() >= killAt) {
      const { rates } = server;
      if (dice.hits(LATE_SHARE)) await delayD1(stage);
      else if (dice.hits(0.5)) await holdD1(stage);
      server.rates = rates;
      server.closed = dice.one(["", "", ...DATABASES]);
      await done(stage, server.closed === "" ? "kill" : `kill and close ${server.closed}`, () =>
        server.killAndRestart(dice.below(1e9), dice.below(MAX_DEAD_MS)),
      );
      if (server.kills % KILLS_PER_ARCHIVE === 1) {
        server.rates = { d1: NO_FAULTS, r2: NO_FAULTS };
        await leap(stage, leaps);
        for (const database of DATABASES) await runArchive(server, recorder, "faults", database);
      }
      killAt = performance.now() + life(dice);
    } else await someFault(stage, leaps);
  }
  await holdD1(stage);
  server.rates = { d1: NO_FAULTS, r2: NO_FAULTS };
  server.clockMs = 0;
  server.full = null;
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
  await done(stage, LATE_FAULT, async () => {
    await server.setFaults(dice.below(1e9), { d1: NO_FAULTS, r2: NO_FAULTS }, server.clockMs);
    const users = Array.from({ length: ERASED_BEFORE_LATE }, () => cast.someErasable(dice));
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

async function someFault(stage: Stage, leaps: { made: number }): Promise<void> {
  const { server, cast, dice, isReal } = stage;
  const what = dice.below(100);
  const [binding, className, name] = dice.hits(0.5) ? dice.one(OBJECTS) : ["USER_LOG", "UserLog", cast.someUser(dice)];
  if (what < 28) return done(stage, `abort ${className} ${name}`, () => server.abort(binding, name));
  if (what < 56) return done(stage, `evict ${className} ${name}`, async () => server.evict(className, name));
  if (what < 78) {
    const rates = { d1: someRates(dice, isReal), r2: someRates(dice, isReal) };
    const told = `D1 ${JSON.stringify(rates.d1)}, R2 ${JSON.stringify(rates.r2)}`;
    return done(stage, told, () => server.setFaults(dice.below(1e9), rates, server.clockMs));
  }
  if (what < 92) {
    if (dice.hits(LEAP_SHARE)) return leap(stage, leaps);
    return turnClock(stage, dice.one(CLOCKS_MS));
  }
  if (what < 97) {
    server.full = dice.one([null, ...DATABASES]);
    return done(stage, `fill ${server.full ?? "no database"}`, () =>
      server.setFaults(dice.below(1e9), server.rates, server.clockMs),
    );
  }
  return done(stage, "lock D1's file", () => lockDatabase(dice.one(server.d1Files), LOCK_MS).catch(() => {}));
}

async function leap(stage: Stage, leaps: { made: number }): Promise<void> {
  await turnClock(stage, LEAP_MS * (1 + (leaps.made++ % LEAPS)));
}

async function turnClock(stage: Stage, clockMs: number): Promise<void> {
  const { server, dice } = stage;
  await done(stage, `clock ${clockMs / HOUR_MS} h`, () => server.setFaults(dice.below(1e9), server.rates, clockMs));
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
