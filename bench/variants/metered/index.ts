import { app } from "../../../src/app.ts";
import * as tracklog from "../../../src/index.ts";
import { counts, countCalls } from "./count-work.ts";
import type { Meter } from "./meter.ts";

export * from "../../../src/index.ts";
export { Meter } from "./meter.ts";

for (const exported of Object.values(tracklog)) if (typeof exported === "function") countCalls(exported);

/** Tracklog, and a route that answers what was counted so far: `/bench/counts`. */
export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "/bench/counts") return app.fetch(request, env, ctx);
    const { METER } = env as unknown as { METER: DurableObjectNamespace<Meter> };
    await METER.getByName("meter").install();
    return Response.json(counts());
  },
} satisfies ExportedHandler<Env>;
