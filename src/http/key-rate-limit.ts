import type { KeyKind } from "./keys.ts";

/**
 * The outer limit, which spares the users' objects: Cloudflare counts it in each location, without a network call
 * and only roughly. The exact limit, by user, is in the user's object.
 */
export async function isWithinKeyLimit(env: Env, kind: KeyKind, source: string | null): Promise<boolean> {
  const { success } = await env.KEY_RATE_LIMIT.limit({ key: `${kind}:${source ?? "open"}` });
  return success;
}
