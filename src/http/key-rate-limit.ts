import { logFailure } from "../log-failure.ts";
import type { KeyKind } from "./keys.ts";

/**
 * The outer limit, which spares the users' objects. Cloudflare counts it in each location, without a network call and
 * only roughly. The exact limit is in the user's object, so requests pass while this one is away, and a deployment may
 * do without the binding. Where no key is needed there is nothing to count by, and the counter is not asked.
 *
 * @param source the name of the key, or null if none is needed
 * @returns false if the key has sent too much; never rejects
 */
export async function isWithinKeyLimit(
  env: Env,
  kind: KeyKind,
  source: string | null,
  requestId: string,
): Promise<boolean> {
  const counter = env.KEY_RATE_LIMIT as RateLimit | undefined;
  if (!counter || source === null) return true;
  try {
    const { success } = await counter.limit({ key: `${kind}:${source}` });
    return success;
  } catch (error) {
    logFailure("key_rate_limit_unavailable", error, { request_id: requestId });
    return true;
  }
}
