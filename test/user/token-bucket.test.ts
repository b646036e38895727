import * as fc from "fast-check";
import { describe, it } from "vitest";
import { DEFAULT_RATE_LIMIT_BURST_EVENTS, DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND } from "../../src/limits.ts";
import { userRateLimit } from "../../src/user/rate-limit.ts";
import { type RateLimit, takeTokens, type TokenBucket } from "../../src/user/token-bucket.ts";

const NOW = Date.UTC(2026, 0, 2);
const LIMIT: RateLimit = { burst: 10, perSecond: 2 };

function take(bucket: TokenBucket | undefined, count: number, now: number, limit = LIMIT) {
  const taken = takeTokens(bucket, count, now, limit);
  if (!taken.ok) throw new Error(`refused for ${taken.retryAfterMs} ms`);
  return taken.bucket;
}

describe("a token bucket", () => {
  it("is full at first, and refuses when it is empty", ({ expect }) => {
    const empty = take(undefined, 10, NOW);
    expect(empty).toEqual({ tokens: 0, at: NOW });
    expect(takeTokens(empty, 1, NOW, LIMIT)).toEqual({ ok: false, retryAfterMs: 500 });
    expect(takeTokens(empty, 4, NOW + 500, LIMIT)).toEqual({ ok: false, retryAfterMs: 1_500 });
  });

  it("fills up over time, but never beyond its size", ({ expect }) => {
    expect(take(take(undefined, 10, NOW), 1, NOW + 1_000).tokens).toBe(1);
    expect(take(take(undefined, 10, NOW), 1, NOW + 86_400_000).tokens).toBe(9);
  });

  it("gives all or none", ({ expect }) => {
    const four = take(undefined, 6, NOW);
    expect(takeTokens(four, 5, NOW, LIMIT).ok).toBe(false);
    expect(take(four, 4, NOW).tokens).toBe(0); // the refused five took nothing
  });

  it("accepts a request larger than itself when it is full, and is below zero then", ({ expect }) => {
    const debt = take(undefined, 25, NOW);
    expect(debt.tokens).toBe(-15);
    expect(takeTokens(debt, 1, NOW, LIMIT)).toEqual({ ok: false, retryAfterMs: 8_000 });
    expect(takeTokens(debt, 25, NOW + 12_499, LIMIT)).toEqual({ ok: false, retryAfterMs: 1 });
    expect(takeTokens(debt, 25, NOW + 12_500, LIMIT).ok).toBe(true);
  });

  it("neither fills nor blocks when the clock is set back", ({ expect }) => {
    const empty = take(undefined, 10, NOW);
    expect(takeTokens(empty, 1, NOW - 3_600_000, LIMIT)).toEqual({ ok: false, retryAfterMs: 500 });
    const one = take(undefined, 9, NOW);
    expect(take(take(one, 1, NOW - 3_600_000), 1, NOW - 3_600_000 + 500).tokens).toBe(0);
  });

  it("follows a change of the limit, in both directions", ({ expect }) => {
    const full = take(undefined, 0, NOW);
    expect(take(full, 1, NOW, { burst: 3, perSecond: 1 }).tokens).toBe(2);
    expect(takeTokens(full, 11, NOW, { burst: 100, perSecond: 1 })).toEqual({ ok: false, retryAfterMs: 1_000 });
  });

  const limits = fc.record({
    burst: fc.integer({ min: 1, max: 2_000 }),
    perSecond: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0.01, max: 500, noNaN: true })),
  });
  const requests = fc.array(fc.record({ waitMs: fc.nat({ max: 3_000 }), count: fc.integer({ min: 1, max: 500 }) }), {
    maxLength: 60,
  });

  it("never gives more than burst + rate · t in any window, except to one request larger than itself", ({ expect }) => {
    fc.assert(
      fc.property(limits, requests, (limit, sent) => {
        let bucket: TokenBucket | undefined;
        let now = NOW;
        const given: { at: number; count: number }[] = [];
        for (const { waitMs, count } of sent) {
          now += waitMs;
          const taken = takeTokens(bucket, count, now, limit);
          if (!taken.ok) continue;
          bucket = taken.bucket;
          given.push({ at: now, count });
        }
        given.forEach((first, i) => {
          let sum = 0;
          for (const { at, count } of given.slice(i)) {
            sum += count;
            const allowed = limit.burst + ((at - first.at) / 1_000) * limit.perSecond;
            expect(sum).toBeLessThanOrEqual(allowed + Math.max(0, count - limit.burst) + 1e-6);
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it("accepts a refused request after the wait that it named, and not before", ({ expect }) => {
    fc.assert(
      fc.property(limits, requests, (limit, sent) => {
        let bucket: TokenBucket | undefined;
        let now = NOW;
        for (const { waitMs, count } of sent) {
          now += waitMs;
          let taken = takeTokens(bucket, count, now, limit);
          if (!taken.ok) {
            const { retryAfterMs } = taken;
            expect(retryAfterMs).toBeGreaterThan(0);
            expect(takeTokens(bucket, count, now + retryAfterMs - 2, limit).ok).toBe(false); // one of the two is for rounding
            now += retryAfterMs;
            taken = takeTokens(bucket, count, now, limit);
          }
          if (!taken.ok) throw new Error(`refused again, for ${taken.retryAfterMs} ms`);
          bucket = taken.bucket;
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a user's rate limit", () => {
  it("is what the settings say", ({ expect }) => {
    expect(setting("50", " 0.5 ")).toEqual({ burst: 50, perSecond: 0.5 });
  });

  it.for(["", undefined, "0", "-1", "many", "Infinity", "NaN"])(
    "is the default if a setting is %j",
    (text, { expect }) => {
      expect(setting(text, text)).toEqual({
        burst: DEFAULT_RATE_LIMIT_BURST_EVENTS,
        perSecond: DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND,
      });
    },
  );
});

function setting(burst?: string, perSecond?: string): RateLimit {
  return userRateLimit({ RATE_LIMIT_BURST_EVENTS: burst!, RATE_LIMIT_EVENTS_PER_SECOND: perSecond! });
}
