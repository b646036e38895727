import { EPOCH_SECONDS_BELOW, MAX_FUTURE_MS } from "../limits.ts";

// Pure: no I/O, and no clock of its own; `now` is passed in.

type ParsedTimestamp = { ok: true; timestamp: number } | { ok: false; reason: string };

/** An example for error texts, as JSON. */
export const TIMESTAMP_EXAMPLE = '"2026-01-02T03:04:05.678Z"';

const FORMS = `an ISO-8601 date or date-time like ${TIMESTAMP_EXAMPLE}, or an epoch number in seconds or milliseconds`;

/**
 * An epoch number as text: PHP and shells send the first form, and Java writes a double in the second. Fewer than nine
 * digits would be a day from 1970 to 1973, but eight are also a date without hyphens ("20201123"), so they are refused.
 */
const EPOCH_TEXT = /^-?(?:\d{9,}(?:\.\d+)?|\d\.\d+[eE]\+?\d{1,2})$/;

// YYYY-MM-DD, or YY-MM-DD in this century as in the documentation's sample, then optionally a time and an offset.
const ISO_8601 = new RegExp(
  "^(?<year>\\d{4}|\\d{2})-(?<month>\\d{2})-(?<day>\\d{2})" +
    "(?:[Tt ](?<hour>\\d{2}):(?<minute>\\d{2})(?::(?<second>\\d{2})(?:[.,](?<fraction>\\d{1,30}))?)?" +
    "(?<zone>[Zz]|(?<sign>[+-])(?<zoneHour>\\d{2})(?::?(?<zoneMinute>\\d{2}))?)?)?$",
);

/**
 * Reads an event's time in every form that the API documents.
 *
 * @param input what the client sent
 * @param now the current time in epoch milliseconds, for the bound on times in the future
 * @returns epoch milliseconds (fractions of a millisecond cut off), or the reason for a refusal
 */
export function parseTimestamp(input: unknown, now: number): ParsedTimestamp {
  const parsed =
    typeof input === "number"
      ? epochMilliseconds(input)
      : typeof input === "string"
        ? EPOCH_TEXT.test(input)
          ? epochMilliseconds(Number(input))
          : isoMilliseconds(input)
        : refuse(`must be ${FORMS}`);
  if (!parsed.ok) return parsed;
  if (parsed.timestamp < 0) return refuse("is before 1970");
  if (parsed.timestamp > now + MAX_FUTURE_MS) return refuse("is more than 24 hours in the future");
  return parsed;
}

/** The form of every time in an answer: ISO-8601 in UTC with milliseconds. */
export function formatTimestamp(timestamp: number): string {
  return new Date(timestamp).toISOString();
}

function epochMilliseconds(number: number): ParsedTimestamp {
  if (!Number.isFinite(number)) return refuse(`must be ${FORMS}`);
  if (Math.abs(number) >= EPOCH_SECONDS_BELOW) return accept(Math.trunc(number));
  // Rounds to whole microseconds, since 1700000000.123 * 1000 may not reach …123 in binary floating point.
  return accept(Math.floor(Math.round(number * 1e6) / 1e3));
}

function isoMilliseconds(text: string): ParsedTimestamp {
  const parts = ISO_8601.exec(text)?.groups;
  if (!parts) return refuse(`must be ${FORMS}`);
  const field = (name: string) => Number(parts[name] ?? 0);

  const year = parts["year"]!.length === 2 ? 2000 + field("year") : field("year");
  const month = field("month");
  const day = field("day");
  if (month < 1 || month > 12) return refuse(`has an impossible month: ${month}`);
  if (day < 1 || day > daysIn(year, month)) return refuse(`is an impossible date: ${year}-${month} has no day ${day}`);
  if (field("hour") > 23 || field("minute") > 59 || field("second") > 59)
    return refuse("is an impossible time of day: at most 23:59:59");
  if (field("zoneHour") > 23 || field("zoneMinute") > 59) return refuse("has an impossible offset: at most 23:59");

  const milliseconds = Number((parts["fraction"] ?? "").padEnd(3, "0").slice(0, 3));
  // Date.UTC reads years below 100 as 19xx. Such a year is before 1970 either way and is refused below.
  const utc = Date.UTC(year, month - 1, day, field("hour"), field("minute"), field("second"), milliseconds);
  const offsetMinutes = (parts["sign"] === "-" ? -1 : 1) * (field("zoneHour") * 60 + field("zoneMinute"));
  return year < 100 ? refuse("is before 1970") : accept(utc - offsetMinutes * 60_000);
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function accept(timestamp: number): ParsedTimestamp {
  return { ok: true, timestamp };
}

function refuse(reason: string): ParsedTimestamp {
  return { ok: false, reason };
}
