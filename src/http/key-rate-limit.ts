import { logFailure } from "../log-failure.ts";
import type { KeyKind } from "./keys.ts";

/**
 * The outer limit, which protects the users' objects. Cloudflare counts in each location, without a network call and
 * only roughly. The exact limit is in the user's object, so requests pass if this one fails, and a deployment may omit
 * the binding. If no key is needed there is nothing to count by, and everything passes.
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
