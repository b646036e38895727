import { logFailure } from "../log-failure.ts";
import { settingsOf } from "../settings.ts";

/** A write key may only write. A read key may only read and erase. */
export type KeyKind = "write" | "read";

/** `source` is the key's name, which is recorded with every event, or null if no key is needed. */
type KeyCheck =
  | { ok: true; source: string | null }
  /** No key is configured, or the secret cannot be read. */
  | { ok: false; reason: "closed" }
  | { ok: false; reason: "unauthorized"; fault: "missing" | "whole_entry" | "unknown" | "wrong_kind" };

export const SECRETS = { write: "WRITE_KEYS", read: "READ_KEYS" } as const;

interface Key {
  name: string;
  digest: ArrayBuffer;
}

type KeyRing = { ok: true; keys: Key[] } | { ok: false };

/**
 * A key is visible ASCII without comma and colon. The secret uses both as separators, headers hold no other characters,
 * and Basic ends the user name at the first colon.
 */
const ENTRY = /^([\w.-]{1,64}):([!-+\--9;-~]+)$/;

/** Parses a secret of the form `name:key,name:key`. The fault names the place and never the key. */
export function parseKeys(
  secret: string,
): { ok: true; keys: { name: string; key: string }[] } | { ok: false; fault: string } {
  const keys: { name: string; key: string }[] = [];
  const entries = secret.split(",").map((entry) => entry.trim());
  for (const [index, entry] of entries.entries()) {
    const [, name, key] = ENTRY.exec(entry) ?? [];
    if (!name || !key)
      return { ok: false, fault: `entry ${index + 1} of ${entries.length} is not of the form name:key` };
    keys.push({ name, key });
  }
  return { ok: true, keys };
}

/** Decides whether a request with this key, or without one, may pass. Never reveals how close a wrong key was. */
export async function checkKey(env: Env, kind: KeyKind, presented: string | undefined): Promise<KeyCheck> {
  const secret = env[SECRETS[kind]];
  if (!secret?.trim()) return settingsOf(env).isOpen ? { ok: true, source: null } : { ok: false, reason: "closed" };
  const ring = await keyRing(kind, secret);
  if (!ring.ok) return { ok: false, reason: "closed" };
  if (!presented) return unauthorized("missing");
  // No key holds a colon, so this says nothing about whether the name or the key is right.
  if (presented.includes(":")) return unauthorized("whole_entry");

  const digest = await digestOf(presented);
  const source = ownerOf(digest, ring.keys);
  if (source !== null) return { ok: true, source };
  // The holder of a key of the other kind could learn this at that kind's routes, so it is no secret here.
  return unauthorized((await isOfKind(env, kind === "write" ? "read" : "write", digest)) ? "wrong_kind" : "unknown");
}

/** The state of each secret. Both "missing" and "malformed" close every route that needs a key of that kind. */
export async function secretsHealth(env: Env): Promise<Record<string, "ok" | "missing" | "malformed">> {
  const healthOf = async (kind: KeyKind) => {
    const secret = env[SECRETS[kind]];
    if (!secret?.trim()) return settingsOf(env).isOpen ? "ok" : "missing";
    return (await keyRing(kind, secret)).ok ? "ok" : "malformed";
  };
  return { [SECRETS.write]: await healthOf("write"), [SECRETS.read]: await healthOf("read") };
}

function unauthorized(fault: "missing" | "whole_entry" | "unknown" | "wrong_kind"): KeyCheck {
  return { ok: false, reason: "unauthorized", fault };
}

async function isOfKind(env: Env, kind: KeyKind, digest: ArrayBuffer): Promise<boolean> {
  const secret = env[SECRETS[kind]];
  if (!secret?.trim()) return false;
  const ring = await keyRing(kind, secret);
  return ring.ok && ownerOf(digest, ring.keys) !== null;
}

/** Compares all keys, each in constant time, so that the duration does not tell how close a guess was. */
function ownerOf(digest: ArrayBuffer, keys: Key[]): string | null {
  let owner: string | null = null;
  for (const key of keys) if (crypto.subtle.timingSafeEqual(key.digest, digest)) owner = key.name;
  return owner;
}

const rings: Record<KeyKind, Map<string, KeyRing>> = { write: new Map(), read: new Map() };

/**
 * The digests of a secret's keys, computed once. The first request that finds a malformed secret logs it. Does not keep
 * a promise: if its request were cut off, it might never settle for the others.
 */
async function keyRing(kind: KeyKind, secret: string): Promise<KeyRing> {
  const known = rings[kind].get(secret);
  if (known) return known;
  const parsed = parseKeys(secret);
  const ring: KeyRing = parsed.ok ? { ok: true, keys: await Promise.all(parsed.keys.map(digested)) } : { ok: false };
  if (!parsed.ok) logFailure("malformed_secret", parsed.fault, { secret: SECRETS[kind] });
  rings[kind].set(secret, ring);
  return ring;
}

async function digested({ name, key }: { name: string; key: string }): Promise<Key> {
  return { name, digest: await digestOf(key) };
}

/** timingSafeEqual needs equal lengths, and all digests have the same length. */
function digestOf(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
