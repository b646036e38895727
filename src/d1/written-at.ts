/**
 * SQL: when the next statement is written, in epoch milliseconds. By the writer's clock, and never before the statement
 * before it: what is older in the feed is older by this time, too. Whoever takes old statements and their events out of D1
 * goes by it, and would leave gaps in the feed where a clock was set back or writers' clocks differ.
 *
 * @param now the parameter with the writer's clock, such as `?1`
 */
export function writtenAt(now: string): string {
  return `max(${now}, coalesce((SELECT written_at FROM feed WHERE position = (SELECT max(position) FROM feed)), 0))`;
}
