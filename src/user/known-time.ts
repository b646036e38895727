import type { TrackedEvent } from "../event/contract.ts";
import type { ValueStore } from "./stored-values.ts";

/**
 * Gives a retry the time of its first copy. A message that has its own id and no time gets the time of its receipt or
 * of its batch, which differs with every retry. So the log keeps the first time, by event and id. Only such messages
 * cost this row.
 *
 * @param oldest events from before this time, in epoch milliseconds, are refused, so their times are not kept
 */
export function withKnownTime(values: ValueStore, event: TrackedEvent, oldest: number): TrackedEvent {
  if (event.hasOwnTime || !event.hasOwnId) return event;
  const name = `time:${event.event}\0${event.messageId}` as const;
  const timestamp = values.get(name);
  if (timestamp !== undefined) return { ...event, timestamp };
  if (event.timestamp >= oldest) values.put(name, event.timestamp);
  return event;
}
