import { randomFrom } from "../../faults/random.ts";

/** The probability of each fault for a call, from 0 to 1. */
export interface FaultRates {
  /** The call fails before it has an effect. */
  fail: number;
  /** The call has its effect, and then fails. */
  lie: number;
  /** The call has its effect only after `hangMs`, when the caller may have given up. */
  hang: number;
  /** The call has its effect at once, and is answered after `hangMs`. */
  stall: number;
  /** The calling object is aborted: in half of the cases before the call, in the other half after it. */
  abort: number;
  hangMs: number;
}

export const NO_FAULTS: FaultRates = { fail: 0, lie: 0, hang: 0, stall: 0, abort: 0, hangMs: 0 };

export type FaultyStore = "d1" | "r2";

type Fault = keyof Omit<FaultRates, "hangMs">;

/** One isolate runs all objects and the Worker, so this is the state of the whole server. */
const rates: Record<FaultyStore, FaultRates> = { d1: NO_FAULTS, r2: NO_FAULTS };
let random = randomFrom(1);
const counts = new Map<string, number>();
let full: string | null = null;

export function setFaults(store: FaultyStore, wanted: FaultRates): void {
  rates[store] = wanted;
}

/** @param database the binding of the database that is full from now on; null for none */
export function setFull(database: string | null): void {
  full = database;
}

/** Throws what D1 throws where a statement does not fit any more. */
export function failIfFull(database: string): void {
  if (database !== full) return;
  counts.set("d1 full", (counts.get("d1 full") ?? 0) + 1);
  throw new Error("D1_ERROR: Exceeded maximum DB size");
}

export function seedFaults(seed: number): void {
  random = randomFrom(seed);
}

/** Returns how many faults there were since the last call, by names such as `d1 lie`. */
export function takeFaultCounts(): Record<string, number> {
  const taken = Object.fromEntries(counts);
  counts.clear();
  return taken;
}

/** The platform's messages for temporary failures. */
const MESSAGES: Record<FaultyStore, string[]> = {
  d1: ["D1_ERROR: Network connection lost.", "D1_ERROR: D1 DB storage operation exceeded timeout"],
  r2: ["put: We encountered an internal error. Please try again. (10001)", "Network connection lost."],
};

/**
 * Makes a call to a real store, sometimes with a fault.
 *
 * @param object the calling object; null for the Worker, which cannot be aborted
 */
export async function throughFaults<T>(
  store: FaultyStore,
  object: Pick<DurableObjectState, "abort"> | null,
  call: () => Promise<T>,
): Promise<T> {
  const { hangMs } = rates[store];
  const fault = drawFault(store);
  if (fault) counts.set(`${store} ${fault}`, (counts.get(`${store} ${fault}`) ?? 0) + 1);
  switch (fault) {
    case null:
      return call();
    case "fail":
      throw failureOf(store);
    case "lie":
      await call();
      throw failureOf(store);
    case "hang":
      await scheduler.wait(hangMs);
      return call();
    case "stall": {
      const answer = await call();
      await scheduler.wait(hangMs);
      return answer;
    }
    case "abort": {
      if (!object) return call();
      if (random() < 0.5) await call();
      object.abort("aborted by the history");
      throw new Error("The object was aborted");
    }
  }
}

function drawFault(store: FaultyStore): Fault | null {
  const { hangMs: _, ...wanted } = rates[store];
  let dice = random();
  for (const [fault, rate] of Object.entries(wanted) as [Fault, number][]) {
    if (dice < rate) return fault;
    dice -= rate;
  }
  return null;
}

function failureOf(store: FaultyStore): Error {
  const messages = MESSAGES[store];
  return new Error(messages[Math.floor(random() * messages.length)]);
}
