import { waitUntil } from "cloudflare:workers";
import { databaseNamed, databaseNames } from "../d1/databases.ts";
import { MAX_TALLIES, STATEMENT_TIMEOUT_MS, TALLY_INTERVAL_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { floorTo, HOUR_MS } from "../d1/hour.ts";
import { inTime } from "../d1/in-time.ts";

/** What is counted: the verdicts on events or the statuses of responses. */
export type TallyKind = "verdict" | "status";

/** How often something was answered, as a row of `tallies` in D1. */
interface Tally {
  /** The beginning of the hour, in epoch milliseconds. */
  hour: number;
  kind: TallyKind;
  name: string;
  /** The name of the key; empty if there is none. */
  source: string;
  count: number;
}

/** Some equal answers. `source` is the name of the key, or null if there is none. */
type Answers = Pick<Tally, "kind" | "name" | "count"> & { source: string | null };

/** What this isolate has answered and not stored yet. */
let tallies = new Map<string, Tally>();

/** When the request began that will store the counts, in epoch milliseconds; 0 if there is none. */
let handingOnSince = 0;

/**
 * Counts answers in memory. One request stores the counts of all requests, some seconds later and after its own answer.
 * If the isolate is evicted before that, they are lost, so the counts are approximate.
 *
 * @param now epoch milliseconds
 */
export function countAnswers(env: Env, { kind, name, source, count }: Answers, now: number): void {
  add({ hour: floorTo(HOUR_MS, now), kind, name, source: source ?? "", count });
  // A request that was cut off stores nothing, so another one takes over after this time.
  if (now - handingOnSince < TALLY_INTERVAL_MS + 2 * STATEMENT_TIMEOUT_MS) return;
  handingOnSince = now;
  waitUntil(handOnLater(env));
}

/** Stores what has been counted so far. Never rejects; counts that D1 does not accept are stored the next time. */
export async function handOnTallies(env: Env): Promise<void> {
  const handed = tallies;
  tallies = new Map();
  if (handed.size === 0) return;
  try {
    const rows = [...handed.values()].map(({ hour, kind, name, source, count }) => [hour, kind, name, source, count]);
    const answer = databaseNamed(env, databaseNames(env)[0]!).prepare(ADD_UP).bind(JSON.stringify(rows)).run();
    await inTime(answer);
  } catch (error) {
    // If D1 has stored the counts and only its answer was lost, they are stored twice. The counts are approximate
    // anyway.
    for (const tally of handed.values()) add(tally);
    logFailure("tallies_not_handed_on", error);
  }
}

const ADD_UP = `
INSERT INTO tallies (hour, kind, name, source, count)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1) WHERE true
ON CONFLICT DO UPDATE SET count = count + excluded.count`;

async function handOnLater(env: Env): Promise<void> {
  await scheduler.wait(TALLY_INTERVAL_MS);
  await handOnTallies(env);
  handingOnSince = 0;
}

function add(tally: Tally): void {
  const key = `${tally.hour} ${tally.kind} ${tally.name} ${tally.source}`;
  const known = tallies.get(key);
  if (known) known.count += tally.count;
  else if (tallies.size < MAX_TALLIES) tallies.set(key, { ...tally });
}
