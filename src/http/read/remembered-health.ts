import { type ArchiveStatuses, archiveStatuses } from "../../archive/archive-statuses.ts";
import { checkDatabases, type DatabasesHealth } from "../../d1/check-databases.ts";
import { HEALTH_MEMORY_MS, HEALTH_POLL_MS, HEALTH_TIMEOUT_MS } from "../../limits.ts";

/** The state of the logs' copies. */
interface Health {
  databases: DatabasesHealth;
  archives: ArchiveStatuses;
}

/** What is known about the copies, and when a request last began to ask them. Epoch milliseconds. */
interface Memory {
  found?: { at: number; health: Health };
  askedAt?: number;
}

/** Keyed by env, because an isolate has only one. */
const memories = new WeakMap<Env, Memory>();

/** After this a question counts as lost because its request was cut off: each database has only HEALTH_TIMEOUT_MS. */
const LOST_AFTER_MS = HEALTH_TIMEOUT_MS * 1.5;

/**
 * The state of the databases and their archives. One request at a time asks them, and its result is valid for
 * HEALTH_MEMORY_MS. Other requests poll for that result. They do not share its promise, which may never settle if that
 * request is cut off; instead one of them asks in its place.
 *
 * Never rejects, and waits at most for two lost questions and one of its own.
 */
export async function rememberedHealth(env: Env): Promise<Health> {
  const memory = memories.get(env) ?? {};
  memories.set(env, memory);
  for (const begun = Date.now(); ;) {
    const now = Date.now();
    if (memory.found && now - memory.found.at < HEALTH_MEMORY_MS) return memory.found.health;
    const isAsked = memory.askedAt !== undefined && now - memory.askedAt < LOST_AFTER_MS;
    if (!isAsked || now - begun >= LOST_AFTER_MS * 2) return ask(env, memory, now);
    await scheduler.wait(HEALTH_POLL_MS);
  }
}

async function ask(env: Env, memory: Memory, now: number): Promise<Health> {
  memory.askedAt = now;
  const [databases, archives] = await Promise.all([checkDatabases(env, now), archiveStatuses(env)]);
  const health = { databases, archives };
  memory.found = { at: Date.now(), health };
  if (memory.askedAt === now) delete memory.askedAt;
  return health;
}
