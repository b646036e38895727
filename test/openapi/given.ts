import { env } from "cloudflare:workers";
import { onTestFinished, vi } from "vitest";
import { breakD1 } from "../d1-faults.ts";
import { anEvent, get, rowsOf, track } from "../tracklog.ts";

// The preparations for the documented examples.

env.D1_DAYS = "30";

const fail = () => Promise.reject(new Error("away"));

function allIsAway(): Partial<Env> {
  breakD1();
  vi.spyOn(env.USER_LOG, "getByName").mockImplementation(() => {
    throw new Error("away");
  });
  vi.spyOn(env.LIVE_VIEW, "getByName").mockImplementation(() => {
    throw new Error("away");
  });
  return { ARCHIVE: { get: fail, head: fail }, D1_DAYS: "" } as unknown as Partial<Env>;
}

/** Makes only the user's event old enough for the archive. */
async function archivable(user: string): Promise<Partial<Env>> {
  await vi.waitUntil(async () => (await rowsOf(user)).length === 1, { timeout: 10_000 });
  await env.DB.prepare("UPDATE events SET written_at = iif(user_id = ?, 0, ?)").bind(user, Date.now()).run();
  return {};
}

/** Puts the user's event into the archive. */
async function archived(user: string): Promise<Partial<Env>> {
  await archivable(user);
  await env.ARCHIVER.getByName("DB").run();
  return {};
}

function noArchive(): Partial<Env> {
  const { ARCHIVE } = env as Env & { ARCHIVE?: R2Bucket };
  Object.assign(env, { ARCHIVE: undefined });
  onTestFinished(() => {
    Object.assign(env, { ARCHIVE });
  });
  return {};
}

/** The name of a file of the archive. */
export async function archivedName(): Promise<string> {
  const { body } = await get("/archive/manifest");
  return (body["manifests"]?.[0]?.objects.at(-1)?.name as string | undefined) ?? "none";
}

/** The examples are sent without a key, except those with these names. */
const KEYS = { WRITE_KEYS: "site:k1", READ_KEYS: "team:k1" };

/** Causes the problem of a name; returns the settings that this needs. */
export const GIVEN: Record<string, (user: string) => Partial<Env> | Promise<Partial<Env>>> = {
  no_write_key: () => ({ WRITE_KEYS: "site:other" }),
  unknown_write_key: () => ({ WRITE_KEYS: "site:other" }),
  no_read_key: () => ({ READ_KEYS: "team:other" }),
  no_write_keys_set: () => ({ OPEN: "false" }),
  no_read_keys_set: () => ({ OPEN: "false" }),
  origin_not_allowed: () => ({ ALLOWED_ORIGINS: "https://shop.example" }),
  key_rate_limited: () => ({ ...KEYS, KEY_RATE_LIMIT: { limit: async () => ({ success: false }) } }),
  user_rate_limited: async (user) => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 5, 1, 12) });
    for (const half of [0, 1]) {
      const ids = Array.from({ length: 500 }, (_, i) => `${half}-${i}`);
      await track(ids.map((message_id) => anEvent({ user_id: user, message_id })));
    }
    return {};
  },
  expired: () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 5, 1, 12) });
    env.RETENTION_DAYS = "30";
    onTestFinished(() => {
      env.RETENTION_DAYS = "";
    });
    return {};
  },
  archivable,
  archived,
  no_archive: noArchive,
  unavailable: allIsAway,
  unreachable: allIsAway,
  unhealthy: allIsAway,
  metrics: archived,
  healthy: () => ({ D1_DAYS: "" }),
  not_ready: () => ({ WRITE_KEYS: "site", D1_DAYS: "" }),
  // A setting of an impossible type simulates a bug.
  internal: () => ({ READ_KEYS: 1 as unknown as string, WRITE_KEYS: 1 as unknown as string }),
};
