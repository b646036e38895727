import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";

/** A site whose pages have the client as `createClient`, on an origin of its own. Any path is the page. */
export async function startSite() {
  const { outputFiles } = await build({
    stdin: {
      contents: 'import { createClient } from "./client/src/index.ts"; window.createClient = createClient;',
      resolveDir: ".",
    },
    bundle: true,
    write: false,
  });
  const script = outputFiles[0]!.text;
  /** More of the page: what a test puts into its head. */
  const head = { html: "" };

  const server = createServer(({ url }, response) => {
    if (url === "/client.js") return response.setHeader("Content-Type", "text/javascript").end(script);
    // Opaque: such a page may not touch localStorage.
    if (url?.startsWith("/sandboxed")) response.setHeader("Content-Security-Policy", "sandbox allow-scripts");
    response.setHeader("Content-Type", "text/html");
    return response.end(`<!doctype html><title>A page</title><script src="/client.js"></script>${head.html}`);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    head,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
