import { formatTimestamp } from "../../event/timestamp.ts";
import type { ErasureReceipt } from "../../user/erasure.ts";

/** The receipt of an erasure as answers show it. */
export function presentErasure({ events, erasedAt, copies, doneAt }: ErasureReceipt[number]) {
  return {
    erased_at: formatTimestamp(erasedAt),
    events,
    databases: copies.map(({ database, events: there, stage, files }) => ({
      database,
      events: there,
      stage,
      archived_files: files,
    })),
    done_at: doneAt === null ? null : formatTimestamp(doneAt),
  };
}
