import * as fc from "fast-check";
import { describe, it } from "vitest";
import { formatTimestamp, parseTimestamp } from "../../src/event/timestamp.ts";

const NOW = Date.UTC(2026, 10, 23, 12);
const DAY = 24 * 60 * 60 * 1000;

const read = (input: unknown) => {
  const parsed = parseTimestamp(input, NOW);
  return parsed.ok ? formatTimestamp(parsed.timestamp) : parsed.reason;
};

const pad = (number: number) => String(number).padStart(2, "0");

describe("parseTimestamp", () => {
  it.for([
    ["20-11-23T22:28:55.111Z", "2020-11-23T22:28:55.111Z", "the documentation's sample: YY-MM-DD"],
    ["00-01-01", "2000-01-01T00:00:00.000Z", "a two-digit year is of this century"],
    ["2020-11-23T22:28:55.111Z", "2020-11-23T22:28:55.111Z", "a full date-time"],
    ["2020-11-23t22:28:55z", "2020-11-23T22:28:55.000Z", "small letters, as RFC 3339 allows"],
    ["2020-11-23 22:28:55Z", "2020-11-23T22:28:55.000Z", "a space for T"],
    ["2020-11-23T22:28:55", "2020-11-23T22:28:55.000Z", "no offset is UTC"],
    ["2020-11-23T22:28", "2020-11-23T22:28:00.000Z", "no seconds"],
    ["2020-11-23", "2020-11-23T00:00:00.000Z", "a date alone is its midnight UTC"],
    ["2020-11-23T22:28:55.1119999Z", "2020-11-23T22:28:55.111Z", "fractions are cut, not rounded"],
    ["2020-11-23T22:28:55,5Z", "2020-11-23T22:28:55.500Z", "ISO-8601 allows a comma"],
    ["2020-11-23T22:28:55.111+05:30", "2020-11-23T16:58:55.111Z", "an offset"],
    ["2020-11-23T22:28:55.111-0530", "2020-11-24T03:58:55.111Z", "an offset without a colon, over midnight"],
    ["2020-11-23T22:28:55+02", "2020-11-23T20:28:55.000Z", "an offset in hours"],
    ["2020-02-29", "2020-02-29T00:00:00.000Z", "a leap day"],
    ["2000-02-29", "2000-02-29T00:00:00.000Z", "a leap day of a fourth century"],
    ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", "the first moment that is taken"],
    [0, "1970-01-01T00:00:00.000Z", "the same as a number"],
    [1_606_170_535, "2020-11-23T22:28:55.000Z", "seconds"],
    [1_606_170_535.111, "2020-11-23T22:28:55.111Z", "seconds with a fraction"],
    [1_606_170_535_111, "2020-11-23T22:28:55.111Z", "milliseconds"],
    [1_606_170_535_111.9, "2020-11-23T22:28:55.111Z", "fractions of a millisecond are cut"],
    ["1606170535", "2020-11-23T22:28:55.000Z", "seconds as text"],
    ["1606170535.111", "2020-11-23T22:28:55.111Z", "seconds with a fraction as text"],
    ["1606170535111", "2020-11-23T22:28:55.111Z", "milliseconds as text"],
    ["1.606170535111E12", "2020-11-23T22:28:55.111Z", "a double as Java writes it"],
    ["946684800", "2000-01-01T00:00:00.000Z", "seconds of nine digits as text"],
    [100_000_000_000, "1973-03-03T09:46:40.000Z", "10^11 is the first number of milliseconds"],
  ] as const)("reads %s as %s: %s", ([input, expected], { expect }) => {
    expect(read(input)).toBe(expected);
  });

  it.for([
    ["2020-02-30", "is an impossible date: 2020-2 has no day 30"],
    ["2021-02-29T00:00:00Z", "is an impossible date: 2021-2 has no day 29"],
    ["1900-02-29", "is an impossible date: 1900-2 has no day 29"],
    ["2020-04-31", "is an impossible date: 2020-4 has no day 31"],
    ["2020-01-00", "is an impossible date: 2020-1 has no day 0"],
    ["2020-13-01", "has an impossible month: 13"],
    ["2020-00-01", "has an impossible month: 0"],
    ["2020-11-23T24:00:00Z", "is an impossible time of day: at most 23:59:59"],
    ["2020-11-23T22:60:00Z", "is an impossible time of day: at most 23:59:59"],
    ["2020-11-23T22:59:60Z", "is an impossible time of day: at most 23:59:59"],
    ["2020-11-23T22:28:55+24:00", "has an impossible offset: at most 23:59"],
    ["2020-11-23T22:28:55+01:60", "has an impossible offset: at most 23:59"],
    ["1969-12-31T23:59:59.999Z", "is before 1970"],
    ["1970-01-01T00:00:00+00:01", "is before 1970"],
    ["0000-01-01", "is before 1970"],
    ["0099-12-31T00:00:00Z", "is before 1970"],
    [-1, "is before 1970"],
    [-0.001, "is before 1970"],
    ["-1606170535", "is before 1970"],
    ["99999999999999999999", "is more than 24 hours in the future"],
    [-1e300, "is before 1970"],
    ["9999-12-31", "is more than 24 hours in the future"],
    [99_999_999_999, "is more than 24 hours in the future"],
    [1e300, "is more than 24 hours in the future"],
  ] as const)("refuses %s: %s", ([input, reason], { expect }) => {
    expect(read(input)).toBe(reason);
  });

  it.for([
    "",
    " ",
    "now",
    "23/11/2020",
    "20201123",
    "86400",
    "0",
    "1606170535s",
    "+1606170535",
    "1606170535.",
    "0x5FBC3B27",
    "2020-11",
    "2020-1-2",
    "120-11-23",
    "2020-11-23T",
    "2020-11-23Z",
    "2020-11-23T22Z",
    "2020-11-23T22:28:55.Z",
    "2020-11-23T22:28:55 Z",
    "2020-11-23T22:28:55Z ",
    " 2020-11-23T22:28:55Z",
    "2020-11-23T22:28:55Z\n",
    "2020-11-23  22:28:55Z",
    "٢٠٢٠-١١-٢٣",
    "Mon, 23 Nov 2020 22:28:55 GMT",
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    undefined,
    true,
    {},
    [1_606_170_535],
  ])("refuses %j as none of the forms", (input, { expect }) => {
    expect(read(input)).toMatch(/^must be an ISO-8601 date or date-time like "[\w:.-]+", or an epoch number/);
  });

  it("takes what is 24 hours ahead and refuses one millisecond more", ({ expect }) => {
    expect(read(formatTimestamp(NOW + DAY))).toBe(formatTimestamp(NOW + DAY));
    expect(read(formatTimestamp(NOW + DAY + 1))).toBe("is more than 24 hours in the future");
    expect(read(NOW + DAY)).toBe(formatTimestamp(NOW + DAY));
    expect(read(NOW + DAY + 1)).toBe("is more than 24 hours in the future");
  });
});

describe("parseTimestamp, for any input", () => {
  const moment = fc.integer({ min: 0, max: NOW });
  // As far from 1970 as the widest offset, so that the local time has a year of four digits from 1970 on.
  const localMoment = fc.integer({ min: 2 * DAY, max: NOW });
  const offset = fc.record({ sign: fc.constantFrom(1, -1), minutes: fc.integer({ min: 0, max: 23 * 60 + 59 }) });

  it("reads a moment back from every offset, separator and way to write the offset", ({ expect }) => {
    fc.assert(
      fc.property(
        localMoment,
        offset,
        fc.constantFrom("T", "t", " "),
        fc.constantFrom(":", ""),
        (time, { sign, minutes }, separator, colon) => {
          const local = new Date(time + sign * minutes * 60_000).toISOString().slice(0, -1).replace("T", separator);
          const zone = `${sign < 0 ? "-" : "+"}${pad(Math.floor(minutes / 60))}${colon}${pad(minutes % 60)}`;
          expect(parseTimestamp(local + zone, NOW)).toEqual({ ok: true, timestamp: time });
        },
      ),
    );
  });

  it("cuts a fraction of any precision to milliseconds", ({ expect }) => {
    fc.assert(
      fc.property(moment, fc.stringMatching(/^\d{1,30}$/), (time, fraction) => {
        const second = Math.floor(time / 1000) * 1000;
        const text = `${formatTimestamp(second).slice(0, 19)}.${fraction}Z`;
        const milliseconds = Math.floor(Number(`${fraction}000`.slice(0, 3)));
        expect(parseTimestamp(text, NOW)).toEqual({ ok: true, timestamp: second + milliseconds });
      }),
    );
  });

  it("reads a two-digit year as one of this century", ({ expect }) => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(2000, 0), max: NOW }), (time) => {
        expect(parseTimestamp(formatTimestamp(time).slice(2), NOW)).toEqual({ ok: true, timestamp: time });
      }),
    );
  });

  it("reads milliseconds, and seconds with three decimals, exactly", ({ expect }) => {
    fc.assert(
      fc.property(moment, (time) => {
        expect(parseTimestamp(time / 1000, NOW)).toEqual({ ok: true, timestamp: time });
        // Below 10^11 a whole number is seconds.
        if (time >= 1e11) expect(parseTimestamp(time, NOW)).toEqual({ ok: true, timestamp: time });
      }),
      { numRuns: 1000 },
    );
  });

  it("refuses exactly the days that the calendar does not have", ({ expect }) => {
    const numbers = fc.tuple(
      fc.integer({ min: 1970, max: 2025 }),
      fc.integer({ min: 0, max: 99 }),
      fc.integer({ min: 0, max: 99 }),
    );
    fc.assert(
      fc.property(numbers, ([year, month, day]) => {
        const exists = new Date(Date.UTC(year, month - 1, day))
          .toISOString()
          .startsWith(`${year}-${pad(month)}-${pad(day)}`);
        expect(parseTimestamp(`${year}-${pad(month)}-${pad(day)}`, NOW).ok).toBe(exists);
      }),
      { numRuns: 1000 },
    );
  });

  it("never throws, and what it takes is a whole number of milliseconds in the allowed range", ({ expect }) => {
    const almost = fc.stringMatching(
      /^\d{2,4}-\d\d-\d\d[Tt ]?\d{0,2}:?\d{0,2}:?\d{0,2}[.,]?\d{0,4}[Zz+-]?\d{0,2}:?\d{0,2}$/,
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: "binary" }), almost, fc.double(), fc.integer(), fc.anything()),
        (input) => {
          const parsed = parseTimestamp(input, NOW);
          if (!parsed.ok) {
            expect(parsed.reason).toMatch(/^(must|is|has) /);
            return;
          }
          expect(Number.isSafeInteger(parsed.timestamp)).toBe(true);
          expect(parsed.timestamp).toBeGreaterThanOrEqual(0);
          expect(parsed.timestamp).toBeLessThanOrEqual(NOW + DAY);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
