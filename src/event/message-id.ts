import { createHash } from "node:crypto";
import type { TrackedEvent } from "./contract.ts";

// Pure: whatever is random is passed in.

/** Enough of a SHA-256 that two contents never share it: 128 bits, in base64url. */
const DIGEST_CHARACTERS = 22;

/**
 * Gives an id to each event of a request that has none, so that similar events are not taken for each other.
 * An id is a digest of the content, and the event's number among the equal ones of its user in its request: a retry,
 * which has the same content in the same order, gets the same ids. (Node's hash, since Web Crypto's is asynchronous.)
 *
 * If the message has no time of its own either, a retry gets another time and cannot be found again in any case. The id
 * is then unique to this request: otherwise requests that arrive in the same millisecond would be merged.
 *
 * @param nonce a text that no other request has
 */
export function idGiver(nonce: string): (event: TrackedEvent) => TrackedEvent {
  const counts = new Map<string, number>();
  return (event) => {
    if (event.hasOwnId) return event;
    const { userId, event: name, properties, context } = event;
    const content = [userId, name, properties, context, event.hasOwnTime ? event.timestamp : nonce];
    const digest = createHash("sha256").update(JSON.stringify(content)).digest("base64url").slice(0, DIGEST_CHARACTERS);
    const count = (counts.get(digest) ?? 0) + 1;
    counts.set(digest, count);
    return { ...event, messageId: `auto-${digest}-${count}` };
  };
}
