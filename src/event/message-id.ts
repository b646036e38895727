import { createHash } from "node:crypto";
import type { TrackedEvent } from "./contract.ts";

// Pure: randomness is passed in.

/** 128 bits of a SHA-256 in base64url, enough that two contents never share an id. */
const DIGEST_CHARACTERS = 22;

/**
 * Gives an id to each event of a request that has none, so that similar events are not taken for each other. The id is
 * a digest of the content and a count among the equal events of this user in the request. A retry has the same content
 * in the same order, so it gets the same ids. (Node's hash, because Web Crypto's is asynchronous.)
 *
 * If the message has no time either, a retry gets another time and cannot be recognised in any case. Then the id is
 * unique to this request; otherwise requests that arrive in the same millisecond would be merged.
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
