import { RETENTION_CHUNK_ROWS } from "../limits.ts";

// Rows of the feed whose events may leave D1: they go before the events, so that a reader who has not read them is told.

/**
 * Deletes the oldest rows of the feed that were written before ?1, RETENTION_CHUNK_ROWS of them. The newest row stays,
 * because its position must not be used again. Writers' clocks differ a little, so the rows' times may be out of order:
 * then a few younger rows are deleted too, and no older one is left.
 */
export const DELETE_OLD_FEED = `DELETE FROM feed WHERE position < (SELECT max(position) FROM feed) AND position <= (
  SELECT max(position) FROM (SELECT position, written_at FROM feed ORDER BY position LIMIT ${RETENTION_CHUNK_ROWS})
  WHERE written_at < ?1)`;

/** Empties the newest row of the feed if it was written before ?1. */
export const EMPTY_OLD_FEED = `UPDATE feed SET events = 0, keys = '[]'
  WHERE position = (SELECT max(position) FROM feed) AND written_at < ?1 AND erased IS NULL AND events > 0`;
