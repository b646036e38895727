import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

// Writes public/openapi.json, the API's description. Wrangler runs this before it serves or deploys. As a file the
// description adds nothing to the Worker's size and start-up time. This is plain JavaScript, because wrangler may run
// it with a Node that does not run TypeScript.

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Stubs of what the routes import from the platform; the description calls none of it. */
const platform = {
  name: "platform",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^cloudflare:/ }, ({ path }) => ({ path, namespace: "platform" }));
    onLoad({ filter: /./, namespace: "platform" }, () => ({
      contents: "export class DurableObject {}; export function waitUntil() { throw new Error('not in a Worker'); }",
    }));
  },
};

const folder = mkdtempSync(join(tmpdir(), "tracklog-openapi-"));
try {
  const outfile = join(folder, "document.mjs");
  await build({
    entryPoints: [at("../src/openapi/document.ts")],
    bundle: true,
    format: "esm",
    platform: "node",
    logLevel: "warning",
    plugins: [platform],
    outfile,
  });
  const { openapiDocument } = await import(pathToFileURL(outfile).href);
  // Replaces the file in one step, because a server may be reading it.
  const fresh = at(`../public/openapi.json.${process.pid}`);
  writeFileSync(fresh, JSON.stringify(openapiDocument()));
  renameSync(fresh, at("../public/openapi.json"));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
