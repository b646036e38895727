import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * Serves a page that has the clients of page/clients.ts as the global `clients`.
 *
 * @returns its address, whose host is none of Tracklog's, so that the page is of another site
 */
export async function startPageServer() {
  const bundle = await build({
    entryPoints: [fileURLToPath(new URL("page/clients.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "clients",
    // One of the SDKs tells by this where it was built.
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "error",
  });
  const script = bundle.outputFiles[0]!.text;

  const server = createServer((request, response) => {
    const isScript = request.url === "/clients.js";
    response.writeHead(200, { "Content-Type": isScript ? "text/javascript" : "text/html" });
    response.end(
      isScript ? script : '<!doctype html><link rel="icon" href="data:," /><script src="/clients.js"></script>',
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
