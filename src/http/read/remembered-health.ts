import { checkDatabases, type DatabasesHealth } from "../../d1/check-databases.ts";
import { HEALTH_MEMORY_MS, HEALTH_POLL_MS, HEALTH_TIMEOUT_MS } from "../../limits.ts";

/** What is known of the databases, and since when somebody has been asking them. Epoch milliseconds. */
interface Memory {
  found?: { at: number; health: DatabasesHealth };
  askedAt?: number;
}

/** Kept by env, which an isolate has one of. */
const memories = new WeakMap<Env, Memory>();

/** After this a question is lost: whoever asked it was cut off, since each database is given HEALTH_TIMEOUT_MS. */
const LOST_AFTER_MS = HEALTH_TIMEOUT_MS * 1.5;

/**
 * How the databases are. One request at a time asks them, what it found holds for HEALTH_MEMORY_MS, and requests that
 * come meanwhile look for its result again and again. They do not share its promise: if that request is cut off, the
 * promise may never settle, so one of those who wait asks in its place.
 *
 * Never rejects, and waits at most for two lost questions and one of its own.
 */
export async function rememberedHealth(env: Env): Promise<DatabasesHealth> {
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

async function ask(env: Env, memory: Memory, now: number): Promise<DatabasesHealth> {
  memory.askedAt = now;
  const health = await checkDatabases(env, now);
  memory.found = { at: Date.now(), health };
  if (memory.askedAt === now) delete memory.askedAt;
  return health;
}
