import { createHash } from "node:crypto";
import { MAX_REMEMBERED_VERSIONS } from "../limits.ts";

// An updated event stores a digest of each version that was merged into it. So the late retry of an older version is
// recognised as a duplicate and does not undo the newer one. The digests have equal lengths and are stored as one text.

const DIGEST_CHARACTERS = 11;

interface Version {
  /** JSON text as it was sent. */
  properties: string;
  /** JSON text as it was sent. */
  context: string;
}

/** Whether this version was merged before. */
export function includesVersion(versions: string | null, sent: Version): boolean {
  if (versions === null) return false;
  const digest = digestOf(sent);
  for (let at = 0; at < versions.length; at += DIGEST_CHARACTERS) if (versions.startsWith(digest, at)) return true;
  return false;
}

/**
 * Adds a version. If there are more than MAX_REMEMBERED_VERSIONS, the oldest is dropped.
 *
 * @param first the event as it was created, which is the first version if none is stored yet
 */
export function addVersion(versions: string | null, first: Version, sent: Version): string {
  const all = (versions ?? digestOf(first)) + digestOf(sent);
  return all.slice(-MAX_REMEMBERED_VERSIONS * DIGEST_CHARACTERS);
}

/** 66 bits of SHA-256. An event has few versions, and only its own user could make two with the same digest. */
function digestOf({ properties, context }: Version): string {
  return createHash("sha256").update(`${properties}\n${context}`).digest("base64url").slice(0, DIGEST_CHARACTERS);
}
