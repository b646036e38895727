import { MAX_REJECTIONS, MAX_REJECTIONS_OF_REASON, MAX_SAMPLES_OF_REASON } from "../../limits.ts";
import { settingsOf } from "../../settings.ts";
import { databaseNamed, databaseNames } from "../databases.ts";
import { floorTo, HOUR_MS } from "../hour.ts";
import type { Tally } from "./tally.ts";
import { inTime } from "../in-time.ts";

// The first rejections of each reason and hour are kept. Those of a user who was erased since then are left out.
const INSERT = `
INSERT INTO rejections (received_at, reason, event, source, path, faults, user_id, body)
SELECT sent.value ->> 'receivedAt', sent.value ->> 'reason', sent.value ->> 'event', sent.value ->> 'source',
       sent.value ->> 'path', sent.value -> 'faults', sent.value ->> 'userId', sent.value ->> 'body'
FROM json_each(?1) AS sent
WHERE coalesce((SELECT sum(rejections) FROM rejection_counts
                WHERE hour = sent.value ->> 'hour' AND reason = sent.value ->> 'reason'), 0) < ?2
  AND NOT EXISTS (SELECT 1 FROM rejections_erased
                  WHERE user_id = sent.value ->> 'userId' AND erased_at >= sent.value ->> 'receivedAt')`;

const COUNT = `
INSERT INTO rejection_counts (hour, reason, event, source, rejections)
SELECT value ->> 'hour', value ->> 'reason', value ->> 'event', value ->> 'source', value ->> 'rejections'
FROM json_each(?1) WHERE true
ON CONFLICT DO UPDATE SET rejections = rejections + excluded.rejections`;

const TRIM = `DELETE FROM rejections WHERE id <= (SELECT max(id) FROM rejections) - ${MAX_REJECTIONS}`;

/** The database with the rejections. It is the first one, because not every rejection has a user to choose it by. */
export function rejectionsDatabase(env: Env): D1Database {
  return databaseNamed(env, databaseNames(env)[0]!);
}

/** How many rejections of one reason are kept in an hour. */
export function keptOfReason(env: Env): number {
  return settingsOf(env).keepsRejectedBodies ? MAX_REJECTIONS_OF_REASON : MAX_SAMPLES_OF_REASON;
}

/** Stores what an isolate has gathered, in one transaction. Rejects with what D1 throws, or if it does not answer. */
export async function storeRejections(env: Env, { counts, rejections }: Tally): Promise<void> {
  const database = rejectionsDatabase(env);
  const rows = rejections.map((rejection) => ({ ...rejection, hour: floorTo(HOUR_MS, rejection.receivedAt) }));
  const stored = database.batch([
    // This comes first, because it uses the counts from before these rejections.
    database.prepare(INSERT).bind(JSON.stringify(rows), keptOfReason(env)),
    database.prepare(COUNT).bind(JSON.stringify(counts)),
    database.prepare(TRIM),
  ]);
  await inTime(stored);
}
