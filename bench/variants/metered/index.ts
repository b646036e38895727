import { app } from "../../../src/app.ts";
import * as tracklog from "../../../src/index.ts";
import { counts, countCalls } from "./count-work.ts";
import type { Meter } from "./meter.ts";
import { RESTED, type UserLog } from "./user-log.ts";

export * from "../../../src/index.ts";
export { Meter } from "./meter.ts";
// Takes precedence over the UserLog that the first of these lines exports.
export { UserLog } from "./user-log.ts";

for (const exported of Object.values(tracklog))
  if (typeof exported === "function") countCalls(exported, exported === tracklog.D1Writer);

/**
 * Tracklog with routes for the benchmark: `/bench/counts` returns the counts so far, `/bench/rest?user_id=…` ends a user's
 * object as if it had been idle for long, and `/bench/bytes?user_id=…` returns the size of its storage.
 */
export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const logOf = () => env.USER_LOG.getByName(searchParams.get("user_id")!) as unknown as DurableObjectStub<UserLog>;
    switch (pathname) {
      case "/bench/counts": {
        const { METER } = env as unknown as { METER: DurableObjectNamespace<Meter> };
        await METER.getByName("meter").install();
        return Response.json(counts());
      }
      case "/bench/rest":
        await logOf()
          .rest()
          .catch((error: unknown) => {
            if (!String(error).includes(RESTED)) throw error;
          });
        return new Response("resting");
      case "/bench/bytes":
        return Response.json(await logOf().bytes());
      default:
        return app.fetch(request, env, ctx);
    }
  },
} satisfies ExportedHandler<Env>;
