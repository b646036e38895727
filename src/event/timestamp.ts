import { EPOCH_SECONDS_BELOW, MAX_FUTURE_MS } from "../limits.ts";

// Pure: no I/O, and no clock of its own; `now` is passed in.

type ParsedTimestamp = { ok: true; timestamp: number } | { ok: false; reason: string };

/** An example for refusals, as JSON. */
export const TIMESTAMP_EXAMPLE = '"2026-01-02T03:04:05.678Z"';

const FORMS = `an ISO-8601 date or date-time like ${TIMESTAMP_EXAMPLE}, or an epoch number in seconds or milliseconds`;

/**
 * An epoch number as text, as PHP and shells send it, and as Java writes a double. With fewer than nine digits it would be
 * a day of 1970 to 1973, while a date without its hyphens ("20201123") has eight: that one is refused.
 */
const EPOCH_TEXT = /^-?(?:\d{9,}(?:\.\d+)?|\d\.\d+[eE]\+?\d{1,2})$/;

// YYYY-MM-DD, or YY-MM-DD of this century as in the documentation's sample; then perhaps a time and an offset.
const ISO_8601 = new RegExp(
  "^(?<year>\\d{4}|\\d{2})-(?<month>\\d{2})-(?<day>\\d{2})" +
    "(?:[Tt ](?<hour>\\d{2}):(?<minute>\\d{2})(?::(?<second>\\d{2})(?:[.,](?<fraction>\\d{1,30}))?)?" +
    "(?<zone>[Zz]|(?<sign>[+-])(?<zoneHour>\\d{2})(?::?(?<zoneMinute>\\d{2}))?)?)?$",
);

/**
 * Reads the time at which an event happened, in every form that the API documents.
 *
 * @param input what the client sent
 * @param now the current time, in epoch milliseconds, against which the future is measured
 * @returns epoch milliseconds (fractions of a millisecond cut off), or the reason why it is none
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

/** The one form in which times are answered: ISO-8601 in UTC with milliseconds. */
export function formatTimestamp(timestamp: number): string {
  return new Date(timestamp).toISOString();
}

function epochMilliseconds(number: number): ParsedTimestamp {
  if (!Number.isFinite(number)) return refuse(`must be ${FORMS}`);
  if (Math.abs(number) >= EPOCH_SECONDS_BELOW) return accept(Math.trunc(number));
  // Through whole microseconds, since 1700000000.123 * 1000 need not reach …123 in binary floating point.
  return accept(Math.floor(Math.round(number * 1e6) / 1e3));
}

function isoMilliseconds(text: string): ParsedTimestamp {
  const parts = ISO_8601.exec(text)?.groups;
  if (!parts) return refuse(`must be ${FORMS}`);
  const field = (name: string) => Number(parts[name] ?? 0);

  const year = parts["year"]!.length === 2 ? 2000 + field("year") : field("year");
  const month = field("month");
  const day = field("day");
  if (month < 1 || month > 12) return refuse(`has no such month: ${month}`);
  if (day < 1 || day > daysIn(year, month)) return refuse(`is an impossible date: ${year}-${month} has no day ${day}`);
  if (field("hour") > 23 || field("minute") > 59 || field("second") > 59)
    return refuse("is an impossible time of day: at most 23:59:59");
  if (field("zoneHour") > 23 || field("zoneMinute") > 59) return refuse("has an impossible offset: at most 23:59");

  const milliseconds = Number((parts["fraction"] ?? "").padEnd(3, "0").slice(0, 3));
  // Date.UTC takes years below 100 for 19xx; such a year is before 1970 and is refused as that either way.
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
