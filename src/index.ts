import { archiveAll } from "./archive/archive-all.ts";
import { coldCutoff } from "./archive/cold-cutoff.ts";
import { enforceRetention } from "./d1/enforce-retention.ts";
import { rollUp } from "./stats/roll-up.ts";
import { removeOldRejections } from "./d1/rejections/remove-rejections.ts";
import { callUponWaiting } from "./user/call-upon-waiting.ts";
import { expireLogs } from "./user/expire-logs.ts";
import { app } from "./app.ts";

export { Archiver } from "./archive/archiver.ts";
export { D1Writer } from "./d1/d1-writer.ts";
export { LiveView } from "./live/live-view.ts";
export { UserLog } from "./user/user-log.ts";

export default {
  fetch: app.fetch,
  scheduled: async (_, env) => {
    await callUponWaiting(env, Date.now());
    // Before events leave D1, since events that have left can no longer be counted.
    await rollUp(env, Date.now);
    await archiveAll(env);
    await enforceRetention(env, Date.now, coldCutoff(env, Date.now()));
    await expireLogs(env, Date.now());
    await removeOldRejections(env, Date.now());
  },
} satisfies ExportedHandler<Env>;
