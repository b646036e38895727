import type { TrackedEvent } from "../event/contract.ts";
import { noteProperties, readProfile, writeProfile } from "./profile.ts";
import { readHead, recordEvent, type Verdict } from "./record-event.ts";

/**
 * Records a request's events in their order, within the caller's transaction. Synchronous: two requests cannot
 * interleave.
 *
 * @param now when the request was received, in epoch milliseconds
 */
export function recordEvents(
  storage: DurableObjectStorage,
  events: readonly TrackedEvent[],
  source: string | null,
  now: number,
): Verdict[] {
  const head = readHead(storage.sql);
  const profile = readProfile(storage);
  let profileChanged = false;
  const recorded = events.map((event) => {
    const result = recordEvent(storage.sql, head, event, source, now);
    if (noteProperties(storage.sql, profile, event, result, head.seq)) profileChanged = true;
    return result;
  });
  if (profileChanged) writeProfile(storage, profile);
  return recorded;
}
