// Pure: the time is passed in.

/** How many events a user could still send at a certain time. */
export interface TokenBucket {
  /** Below zero after a request that was larger than the bucket. */
  tokens: number;
  /** Epoch milliseconds. */
  at: number;
}

export interface RateLimit {
  /** How many events the bucket holds. */
  burst: number;
  perSecond: number;
}

type Taken = { ok: true; bucket: TokenBucket } | { ok: false; retryAfterMs: number };

/** The tolerance for rounding errors. A client that waits as long as it was told must not be refused again. */
const ROUNDING_TOKENS = 1e-6;

/**
 * Takes `count` tokens, all or none. A request that is larger than the bucket needs a full bucket and takes it below
 * zero; otherwise it would be refused for ever.
 *
 * @param bucket undefined for a full one
 * @param now epoch milliseconds
 */
export function takeTokens(bucket: TokenBucket | undefined, count: number, now: number, limit: RateLimit): Taken {
  const elapsedMs = bucket ? Math.max(0, now - bucket.at) : 0;
  const tokens = bucket ? Math.min(limit.burst, bucket.tokens + (elapsedMs / 1000) * limit.perSecond) : limit.burst;
  const lacking = Math.min(count, limit.burst) - tokens;
  if (lacking > ROUNDING_TOKENS) return { ok: false, retryAfterMs: Math.ceil((lacking / limit.perSecond) * 1000) };
  return { ok: true, bucket: { tokens: tokens - count, at: now } };
}
