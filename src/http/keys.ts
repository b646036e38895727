import { logFailure } from "../log-failure.ts";

/** A write key may write only; a read key may read and erase only. */
export type KeyKind = "write" | "read";

/** Whom a key belongs to: the name that is recorded with every event. Null where no key is needed. */
type KeyCheck = { ok: true; source: string | null } | { ok: false; reason: "unauthorized" | "closed" };

export const SECRETS = { write: "WRITE_KEYS", read: "READ_KEYS" } as const;

interface Key {
  name: string;
  digest: ArrayBuffer;
}

type KeyRing = { ok: true; keys: Key[] } | { ok: false };

/**
 * Visible ASCII without comma and colon, so that each key fits the secret and each way to present it: a header holds no
 * other characters, and Basic ends the user name at the first colon.
 */
const ENTRY = /^([\w.-]{1,64}):([!-+\--9;-~]+)$/;

/** Reads a secret of the form `name:key,name:key`. The fault names the place and never the key. */
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

/** Decides whether a request that presents this key, or none, may pass. */
export async function checkKey(env: Env, kind: KeyKind, presented: string | undefined): Promise<KeyCheck> {
  const secret = env[SECRETS[kind]];
  if (!secret?.trim()) return env.OPEN === "true" ? { ok: true, source: null } : { ok: false, reason: "closed" };
  const ring = await keyRing(kind, secret);
  if (!ring.ok) return { ok: false, reason: "closed" };

  const digest = await digestOf(presented ?? "");
  let source: string | null = null;
  // All are compared, each in constant time: how long it takes says nothing of how close a guess was.
  for (const key of ring.keys) if (crypto.subtle.timingSafeEqual(key.digest, digest)) source = key.name;
  return source === null || !presented ? { ok: false, reason: "unauthorized" } : { ok: true, source };
}

const rings: Record<KeyKind, Map<string, KeyRing>> = { write: new Map(), read: new Map() };

/**
 * The digests of a secret's keys, made once; a malformed secret is logged when the first request finds it.
 * No promise is kept: one that belongs to a request which was cut off might never settle for the others.
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

/** Digests are of one length, whatever a client presents: timingSafeEqual wants that. */
function digestOf(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
