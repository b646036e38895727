import { randomUUID } from "node:crypto";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startWorker, WRITE_KEY } from "../sdks/running-worker.ts";
import { arrived, names } from "./arrived.ts";
import { startUnreliableServer } from "./unreliable-server.ts";

/** As docs/integrating.md shows it: a client for each request. */
const SOURCE = `
  import { createClient } from "./client/src/index.ts";
  export default {
    async fetch(request, env, ctx) {
      const tracklog = createClient({ url: env.TRACKLOG, key: env.KEY });
      const userId = new URL(request.url).searchParams.get("user");
      for (let i = 0; i < 20; i++) tracklog.track("e" + i, {}, { userId });
      const isDelivered = tracklog.flush();
      ctx.waitUntil(isDelivered);
      return request.method === "POST" ? new Response("soon") : Response.json(await isDelivered);
    },
  };`;

describe("in a Worker, the client", () => {
  let worker: Awaited<ReturnType<typeof startWorker>>;
  let server: Awaited<ReturnType<typeof startUnreliableServer>>;
  let other: Miniflare;
  beforeAll(async () => {
    worker = await startWorker();
    server = await startUnreliableServer(worker.url);
    const { outputFiles } = await build({
      stdin: { contents: SOURCE, resolveDir: "." },
      bundle: true,
      format: "esm",
      write: false,
    });
    other = new Miniflare(
      convertV4MiniflareOptions({
        modules: true,
        script: outputFiles[0]!.text,
        compatibilityDate: "2026-10-20",
        bindings: { TRACKLOG: server.url, KEY: WRITE_KEY },
      }),
    );
  });
  afterAll(async () => {
    await other.dispose();
    server.close();
    await worker.close();
  });

  it.for(["GET", "POST"])(
    "has delivered everything when flush returns, awaited or in waitUntil, through a failure (%s)",
    async (method, { expect }) => {
      const userId = `u-${randomUUID()}`;
      let isFirst = true;
      server.control.fate = () => {
        const fate = isFirst ? "lose the answer" : "forward";
        isFirst = false;
        return fate;
      };
      const response = await other.dispatchFetch(`http://other.test/?user=${userId}`, { method });
      expect(await response.text()).toBe(method === "GET" ? "true" : "soon");
      expect(await arrived(worker, userId, 20)).toEqual(names(20));
    },
  );
});
