import "./short-waits.ts";
import worker, { Archiver as RealArchiver, UserLog as RealUserLog } from "../../../src/index.ts";
import { faultyEnv, setFault, stepsTaken } from "./faults.ts";

// Tracklog with an archiver whose R2 and D1 fail when they are told to, and that also crashes.

export { D1Writer, LiveView } from "../../../src/index.ts";

export class Archiver extends RealArchiver {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, faultyEnv(env, ctx));
  }
}

/** Shortens each alarm's time to a hundredth, so that retries after a failure come soon. */
export class UserLog extends RealUserLog {
  constructor(ctx: DurableObjectState, env: Env) {
    const { storage } = ctx;
    const setAlarm = storage.setAlarm.bind(storage);
    storage.setAlarm = (at) => setAlarm(Date.now() + Math.max(0, Number(at) - Date.now()) / 100);
    super(ctx, env);
  }
}

export default {
  ...worker,
  fetch: async (request, env, ctx) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/test/twin") {
      const { ARCHIVER_TWIN } = env as Env & { ARCHIVER_TWIN: Env["ARCHIVER"] };
      return Response.json(await ARCHIVER_TWIN.getByName("DB").run());
    }
    if (pathname !== "/test/fault") return worker.fetch(request, env, ctx);
    if (request.method === "PUT") setFault(await request.json());
    return Response.json({ steps: stepsTaken() });
  },
} satisfies ExportedHandler<Env>;
