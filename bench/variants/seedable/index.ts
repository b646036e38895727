import { app } from "../../../src/app.ts";
import { SEEDED, type UserLog } from "./user-log.ts";

export * from "../../../src/index.ts";
// Takes precedence over the UserLog that the line above exports.
export { UserLog } from "./user-log.ts";

/** Tracklog with a route that fills a user's log: `/bench/seed?user_id=…&events=…&first=…&step=…`. */
export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/bench/seed") return app.fetch(request, env, ctx);
    const log = env.USER_LOG.getByName(searchParams.get("user_id")!) as unknown as DurableObjectStub<UserLog>;
    try {
      const numberOf = (name: string) => Number(searchParams.get(name));
      await log.seed(numberOf("events"), numberOf("first"), numberOf("step"));
    } catch (error) {
      if (!String(error).includes(SEEDED)) throw error;
    }
    return new Response("seeded");
  },
} satisfies ExportedHandler<Env>;
