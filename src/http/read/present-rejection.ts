import type { RejectionRow } from "../../d1/rejections/read-rejections.ts";
import { formatTimestamp } from "../../event/timestamp.ts";

/** A rejection as answers show it, with its user and body only if they are stored. */
export function presentRejection({
  id,
  received_at,
  reason,
  event,
  source,
  path,
  faults,
  user_id,
  body,
}: RejectionRow) {
  return {
    id,
    received_at: formatTimestamp(received_at),
    reason,
    event,
    key: source,
    path,
    errors: JSON.parse(faults) as unknown,
    ...((body !== null || user_id !== null) && { user_id, body: body === null ? null : (JSON.parse(body) as unknown) }),
  };
}
