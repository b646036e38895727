import { waitUntil } from "cloudflare:workers";
import { databaseNamed, databaseNames } from "../d1/databases.ts";
import { MAX_TALLIES, STATEMENT_TIMEOUT_MS, TALLY_INTERVAL_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { floorTo, HOUR_MS } from "../d1/hour.ts";
import { inTime } from "../d1/in-time.ts";

/** What is counted: what became of an event, or the status of a response. */
export type TallyKind = "verdict" | "status";

/** How often something was answered, as `tallies` in D1 has it. */
interface Tally {
  /** Its beginning, in epoch milliseconds. */
  hour: number;
  kind: TallyKind;
  name: string;
  /** The name of the write key; empty where there is none. */
  source: string;
  count: number;
}

/** Some answers of the same kind. `source` is the name of the key, null where there is none. */
type Answers = Pick<Tally, "kind" | "name" | "count"> & { source: string | null };

/** What an isolate has answered and not handed on yet. */
let tallies = new Map<string, Tally>();

/** When the request began that will hand it on, in epoch milliseconds; 0 where there is none. */
let handingOnSince = 0;

/**
 * Counts what was answered. Costs a look into a map; D1 gets the numbers some seconds later, after the answer
 * of one request for all. An isolate that ends before that takes them along, so they are rough.
 *
 * @param now epoch milliseconds
 */
export function countAnswers(env: Env, { kind, name, source, count }: Answers, now: number): void {
  add({ hour: floorTo(HOUR_MS, now), kind, name, source: source ?? "", count });
  // A request that was cut off hands nothing on: another one then does.
  if (now - handingOnSince < TALLY_INTERVAL_MS + 2 * STATEMENT_TIMEOUT_MS) return;
  handingOnSince = now;
  waitUntil(handOnLater(env));
}

/** Hands on what has been counted until now. Never throws: what D1 does not take is handed on the next time. */
export async function handOnTallies(env: Env): Promise<void> {
  const handed = tallies;
  tallies = new Map();
  if (handed.size === 0) return;
  try {
    const rows = [...handed.values()].map(({ hour, kind, name, source, count }) => [hour, kind, name, source, count]);
    const answer = databaseNamed(env, databaseNames(env)[0]!).prepare(ADD_UP).bind(JSON.stringify(rows)).run();
    await inTime(answer);
  } catch (error) {
    // It may be there and the answer lost; then it counts twice, which is rough, too.
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
