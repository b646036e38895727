import { describe, it } from "vitest";
import {
  ALARM_LIMIT_MS,
  ALARM_OVERDUE_MS,
  LINGER_MS,
  MAX_AWAY_DELAY_MS,
  MAX_BACKLOG_STATE_BYTES,
  MAX_BISECTION_STATEMENTS,
  MAX_DELIVERY_RUN_MS,
  MAX_DEPLOY_DELAY_MS,
  MAX_EVENT_BYTES,
  MAX_EVENT_NAME_CHARACTERS,
  MAX_LASTING_DELAY_MS,
  MAX_MESSAGE_ID_CHARACTERS,
  MAX_REQUEST_EVENTS,
  MAX_RETRY_ROWS,
  MAX_STATEMENT_BYTES,
  MAX_STATEMENT_EVENTS,
  MAX_WAITING_BYTES,
  MIN_LASTING_DELAY_MS,
  MIN_RETRY_DELAY_MS,
  SAFEGUARD_DELAY_MS,
  STATEMENT_TIMEOUT_MS,
  WRITER_CALL_TIMEOUT_MS,
} from "../src/limits.ts";
import wrangler from "../wrangler.toml?raw";

// Relations between limits that would otherwise hold only by chance.

describe("the limits", () => {
  it("end a line of statements that all time out before the platform ends an alarm", ({ expect }) => {
    const statements = Math.ceil(MAX_WAITING_BYTES / MAX_STATEMENT_BYTES);
    expect(statements * STATEMENT_TIMEOUT_MS).toBeLessThan(ALARM_LIMIT_MS);
  });

  it("end a run of the alarm with one under way and one due soon before it", ({ expect }) => {
    const run = MAX_DELIVERY_RUN_MS + WRITER_CALL_TIMEOUT_MS;
    expect(3 * run).toBeLessThan(ALARM_LIMIT_MS);
  });

  it("let a caller wait for the statement in flight and its own", ({ expect }) => {
    expect(WRITER_CALL_TIMEOUT_MS).toBeGreaterThanOrEqual(2 * STATEMENT_TIMEOUT_MS);
    expect(MAX_DELIVERY_RUN_MS).toBeGreaterThan(WRITER_CALL_TIMEOUT_MS);
  });

  it("let the safeguard find what was just delivered, and go off before it counts as overdue", ({ expect }) => {
    expect(SAFEGUARD_DELAY_MS).toBeGreaterThan(10 * LINGER_MS);
    expect(SAFEGUARD_DELAY_MS).toBeLessThan(ALARM_OVERDUE_MS);
  });

  it("let a statement hold an event of the largest size, and a line hold a statement", ({ expect }) => {
    // Twice, because the texts in a row are escaped once more, and a quarter for the other columns.
    expect(2.25 * MAX_EVENT_BYTES).toBeLessThan(MAX_STATEMENT_BYTES);
    expect(MAX_STATEMENT_BYTES).toBeLessThan(2_000_000);
    expect(MAX_STATEMENT_BYTES).toBeLessThan(MAX_WAITING_BYTES);
    expect(MAX_RETRY_ROWS).toBeLessThan(MAX_STATEMENT_EVENTS);
  });

  it("keep a log's state within a stored value of 2 MB, with its largest only event and profile", ({ expect }) => {
    const request = MAX_REQUEST_EVENTS * 2 * (MAX_EVENT_NAME_CHARACTERS + MAX_MESSAGE_ID_CHARACTERS);
    const state = 2 * MAX_BACKLOG_STATE_BYTES + 2 * request + (1 + 4) * 2 * MAX_EVENT_BYTES;
    expect(state).toBeLessThan(2_000_000);
  });

  it("let bisection find a bad row among the most that a statement has", ({ expect }) => {
    const statements = 1 + 2 * Math.ceil(Math.log2(MAX_STATEMENT_EVENTS));
    expect(2 * statements).toBeLessThanOrEqual(MAX_BISECTION_STATEMENTS);
  });

  it("keep each back-off's first wait below its longest", ({ expect }) => {
    expect(MIN_RETRY_DELAY_MS).toBeLessThan(MAX_DEPLOY_DELAY_MS);
    expect(MAX_DEPLOY_DELAY_MS).toBeLessThanOrEqual(MAX_AWAY_DELAY_MS);
    expect(MIN_LASTING_DELAY_MS).toBeLessThan(MAX_LASTING_DELAY_MS);
  });
});

describe("the compatibility date", () => {
  it("is one from which a pending waitUntil keeps an object awake", ({ expect }) => {
    const [, date] = /^compatibility_date = "([\d-]+)"$/m.exec(wrangler)!;
    expect(date! >= "2026-10-01").toBe(true);
  });
});
