import { MAX_BACKGROUND_RUN_MS, REJECTIONS_GATHER_MS, REJECTIONS_INTERVAL_MS } from "../../limits.ts";
import { settingsOf } from "../../settings.ts";
import { SingleRun } from "../../single-run.ts";
import type { Rejection } from "./rejection.ts";
import { keptOfReason, storeRejections } from "./store-rejections.ts";
import { Tally } from "./tally.ts";

// An isolate gathers what it has rejected and stores it every few seconds, because a client with a fault repeats itself
// and must not keep D1 busy. If the isolate is evicted before that, these rejections are lost, so the counts are not
// exact.

let tally = new Tally();
let storedAt = 0;
const run = new SingleRun("rejections_not_stored");

/** Notes that an event was rejected. Returns at once. */
export function noteRejection(env: Env, rejection: Rejection): void {
  tally.count(rejection);
  const kept = settingsOf(env).keepsRejectedBodies ? rejection : { ...rejection, userId: null, body: null };
  tally.keep(kept, keptOfReason(env));
  run.begin(rejection.receivedAt, () => store(env, rejection.receivedAt));
}

/** Counts a request that was refused. Keeps nothing else of it, because it came without a valid write key. */
export function countRefusal(env: Env, receivedAt: number, reason: string): void {
  tally.count({ receivedAt, reason, event: null, source: null });
  run.begin(receivedAt, () => store(env, receivedAt));
}

async function store(env: Env, begun: number): Promise<void> {
  while (!tally.isEmpty && Date.now() - begun < MAX_BACKGROUND_RUN_MS) {
    await scheduler.wait(Math.max(REJECTIONS_GATHER_MS, storedAt + REJECTIONS_INTERVAL_MS - Date.now()));
    storedAt = Date.now();
    const taken = tally;
    tally = new Tally();
    try {
      await storeRejections(env, taken);
    } catch (error) {
      tally.takeBack(taken);
      throw error;
    }
  }
}
