import { createHash } from "node:crypto";
import { MAX_REMEMBERED_VERSIONS } from "../limits.ts";

// An event that was updated remembers a digest of each version that was merged into it, so that the late retry of an
// older one is known as a duplicate and does not turn the event back. Stored as one text of digests of equal length.

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
 * Adds a version. Past MAX_REMEMBERED_VERSIONS the oldest is forgotten.
 *
 * @param first the event as it was created, which is the first version where none is remembered yet
 */
export function addVersion(versions: string | null, first: Version, sent: Version): string {
  const all = (versions ?? digestOf(first)) + digestOf(sent);
  return all.slice(-MAX_REMEMBERED_VERSIONS * DIGEST_CHARACTERS);
}

/** 66 bits of SHA-256: the versions of one event are few, and only its own user could make two of them alike. */
function digestOf({ properties, context }: Version): string {
  return createHash("sha256").update(`${properties}\n${context}`).digest("base64url").slice(0, DIGEST_CHARACTERS);
}
