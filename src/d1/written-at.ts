/**
 * An SQL expression for the time at which the next statement is written, in epoch milliseconds: the writer's clock, but
 * never before the previous statement. So times in the feed never go back. Old statements and their events are removed
 * by this time, and the feed would get gaps if a clock was set back or the writers' clocks differ.
 *
 * @param now the parameter with the writer's clock, such as `?1`
 */
export function writtenAt(now: string): string {
  return `max(${now}, coalesce((SELECT written_at FROM feed WHERE position = (SELECT max(position) FROM feed)), 0))`;
}
