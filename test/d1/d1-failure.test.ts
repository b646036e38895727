import { describe, it } from "vitest";
import { d1FailureOf, isRefusal } from "../../src/d1/d1-failure.ts";

describe("what D1 says", () => {
  it.for([
    ["D1_ERROR: database or disk is full: SQLITE_FULL", "full"],
    ["D1_ERROR: Exceeded maximum DB size", "full"],
    ["D1_ERROR: no such table: events: SQLITE_ERROR", "unmigrated"],
    ["D1_ERROR: table events has no column named context", "unmigrated"],
    ["D1_ERROR: Your account has exceeded D1's free tier rows written limit", "exhausted"],
    ["D1_ERROR: daily quota exceeded", "exhausted"],
    ["D1_ERROR: Network connection lost", "away"],
    ["D1 did not answer", "away"],
  ] as const)("is told apart: %s", ([message, failure], { expect }) => {
    expect(d1FailureOf(new Error(message))).toBe(failure);
    expect(isRefusal(new Error(message))).toBe(false);
  });

  it.for(["CONSTRAINT", "MISMATCH", "TOOBIG"])("is for ever with SQLITE_%s", (code, { expect }) => {
    expect(isRefusal(new Error(`D1_ERROR: it will not do: SQLITE_${code}`))).toBe(true);
  });
});
