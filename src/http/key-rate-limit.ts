import { logFailure } from "../log-failure.ts";
import type { KeyKind } from "./keys.ts";

/**
 * The outer limit, which spares the users' objects: Cloudflare counts it in each location, without a network call
 * and only roughly. The exact limit, by user, is in the user's object; so when this one is away, requests pass, and a
 * deployment may do without the binding.
 */
export async function isWithinKeyLimit(
  env: Env,
  kind: KeyKind,
  source: string | null,
  requestId: string,
): Promise<boolean> {
  const counter = env.KEY_RATE_LIMIT as RateLimit | undefined;
  if (!counter) return true;
  try {
    const { success } = await counter.limit({ key: `${kind}:${source ?? "open"}` });
    return success;
  } catch (error) {
    logFailure("key_rate_limit_unavailable", error, { request_id: requestId });
    return true;
  }
}
