import { setClock, shiftAlarms } from "./clock.ts";
import worker, * as product from "../../../src/index.ts";
import { faultyEnv } from "./faulty-env.ts";
import { type FaultRates, type FaultyStore, seedFaults, setFaults, setFull, takeFaultCounts } from "./faults.ts";

// Tracklog's Worker with its real bindings, which can be made to fail. Only `npm run test:history` builds it.

/** The paths of the history's own requests begin with this. */
const CONTROL = "/__history/";

export class UserLog extends product.UserLog {
  constructor(ctx: DurableObjectState, env: Env) {
    shiftAlarms(ctx.storage);
    super(ctx, faultyEnv(env, ctx));
  }

  /** The time that an alarm was set to is told by the machine's clock, and the log compares it with times by its own. */
  override alarm(info?: AlarmInvocationInfo): Promise<void> {
    return super.alarm(info && { ...info, scheduledTime: Infinity });
  }

  abort(): void {
    this.ctx.abort("aborted by the history");
  }
}

export class D1Writer extends product.D1Writer {
  constructor(ctx: DurableObjectState, env: Env) {
    shiftAlarms(ctx.storage);
    super(ctx, faultyEnv(env, ctx));
  }

  abort(): void {
    this.ctx.abort("aborted by the history");
  }
}

export class Archiver extends product.Archiver {
  constructor(ctx: DurableObjectState, env: Env) {
    shiftAlarms(ctx.storage);
    super(ctx, faultyEnv(env, ctx));
  }

  abort(): void {
    this.ctx.abort("aborted by the history");
  }
}

export class LiveView extends product.LiveView {
  constructor(ctx: DurableObjectState, env: Env) {
    shiftAlarms(ctx.storage);
    super(ctx, faultyEnv(env, ctx));
  }

  abort(): void {
    this.ctx.abort("aborted by the history");
  }
}

interface Control {
  faults: { seed: number; clockMs: number; rates: Record<FaultyStore, FaultRates>; full: string | null };
  abort: { binding: "USER_LOG" | "D1_WRITER" | "ARCHIVER" | "LIVE_VIEW"; name: string };
}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith(CONTROL)) return control(pathname.slice(CONTROL.length), request, env);
    return worker.fetch(request, faultyEnv(env, null), ctx);
  },
  scheduled: (controller, env) => worker.scheduled(controller, faultyEnv(env, null)),
} satisfies ExportedHandler<Env>;

async function control(command: string, request: Request, env: Env): Promise<Response> {
  switch (command) {
    case "faults": {
      const { seed, clockMs, rates, full } = await request.json<Control["faults"]>();
      setClock(clockMs);
      seedFaults(seed);
      setFull(full);
      for (const [store, wanted] of Object.entries(rates)) setFaults(store as FaultyStore, wanted);
      return Response.json(takeFaultCounts());
    }
    case "abort": {
      const { binding, name } = await request.json<Control["abort"]>();
      const object = env[binding].getByName(name) as unknown as { abort(): Promise<void> };
      await object.abort().catch(() => {});
      return new Response(null, { status: 204 });
    }
    case "cron":
      await worker.scheduled({} as ScheduledController, faultyEnv(env, null));
      return new Response(null, { status: 204 });
    case "objects": {
      const { objects } = await (env as Env & { ARCHIVE: R2Bucket }).ARCHIVE.list({ prefix: "events/" });
      return Response.json(objects.map(({ key }) => key));
    }
    default:
      return new Response(null, { status: 404 });
  }
}
