import type { TrackedEvent } from "../../../src/event/contract.ts";
import type * as tracklog from "../../../src/http/write/record-request.ts";
import type { UserTable } from "./user-table.ts";

interface MinimalEnv {
  USER_TABLE: DurableObjectNamespace<UserTable>;
}

/** One call per user, one INSERT per event. */
export const recordRequest: typeof tracklog.recordRequest = async (env, parsed) => {
  const { USER_TABLE } = env as unknown as MinimalEnv;
  const users = new Map<string, { index: number; event: TrackedEvent }[]>();
  const results: tracklog.EventResult[] = parsed.map((item, index) => {
    if (!item.ok) return { status: "rejected", faults: item.faults };
    const group = users.get(item.event.userId);
    if (group) group.push({ index, event: item.event });
    else users.set(item.event.userId, [{ index, event: item.event }]);
    return { status: "created", event: item.event, seq: 0, revision: 1, late: false };
  });
  await Promise.all(
    [...users].map(async ([userId, group]) => {
      const seqs = await USER_TABLE.getByName(userId).record(group.map(({ event }) => event));
      group.forEach(({ index, event }, i) => {
        results[index] = { status: "created", event, seq: seqs[i]!, revision: 1, late: false };
      });
    }),
  );
  return { outcome: "done", results };
};
