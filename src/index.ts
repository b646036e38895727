import { enforceRetention } from "./d1/enforce-retention.ts";
import { app } from "./app.ts";

export { D1Writer } from "./d1/d1-writer.ts";
export { UserLog } from "./user/user-log.ts";

export default {
  fetch: app.fetch,
  scheduled: (_, env) => enforceRetention(env, Date.now),
} satisfies ExportedHandler<Env>;
