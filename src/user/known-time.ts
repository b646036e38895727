import type { TrackedEvent } from "../event/contract.ts";
import type { ValueStore } from "./stored-values.ts";

/**
 * A message with an id of its own and no time got that of its receipt or of its batch, which is another one with every
 * retry. So the log keeps its first time, by event and id. Only such messages pay the row.
 *
 * @param oldest what happened before this time, in epoch milliseconds, is refused, and nothing is kept of it
 */
export function withKnownTime(values: ValueStore, event: TrackedEvent, oldest: number): TrackedEvent {
  if (event.hasOwnTime || !event.hasOwnId) return event;
  const name = `time:${event.event}\0${event.messageId}` as const;
  const timestamp = values.get(name);
  if (timestamp !== undefined) return { ...event, timestamp };
  if (event.timestamp >= oldest) values.put(name, event.timestamp);
  return event;
}
