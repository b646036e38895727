import { chooseDatabase } from "../d1/open-databases.ts";
import type { LogState } from "./stored-values.ts";
import type { TokenBucket } from "./token-bucket.ts";

/**
 * The state of a new, empty log, in a database that is open.
 *
 * @param now epoch milliseconds
 */
export function newLog(env: Env, userId: string, bucket: TokenBucket, now: number): LogState {
  return {
    userId,
    generation: randomGeneration(),
    database: chooseDatabase(env, userId, now),
    headSeq: 0,
    headTimestamp: -1,
    bucket,
    profile: {},
    backlog: [],
    packs: { first: 0, next: 0, keys: 0 },
  };
}

/** A random number of 53 bits, which JSON and JavaScript represent exactly. */
function randomGeneration(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high! >>> 11) * 2 ** 32 + low!;
}
