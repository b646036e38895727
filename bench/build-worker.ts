import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import * as esbuild from "esbuild";

const root = dirname(import.meta.dirname);

/** The module in which a request's events are recorded: all that tells the variants from Tracklog. */
const RECORDER = join(root, "src/http/write/record-request.ts");

/**
 * Bundles a Worker from its entry. Where `record-request.ts` lies beside the entry, it takes the place of
 * Tracklog's own, so that every variant is the same app, with the same reading, checking and answering.
 *
 * @returns the Worker as one ES module
 */
export async function buildWorker(entry: string): Promise<string> {
  const recorder = join(dirname(join(root, entry)), "record-request.ts");
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(root, entry)],
    bundle: true,
    write: false,
    format: "esm",
    target: "esnext",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    loader: { ".sql": "text" },
    plugins: existsSync(recorder) ? [replaceRecorder(recorder)] : [],
    logLevel: "warning",
  });
  return outputFiles[0]!.text;
}

function replaceRecorder(replacement: string): esbuild.Plugin {
  return {
    name: "replace-recorder",
    setup(build) {
      build.onResolve({ filter: new RegExp(`/${basename(RECORDER)}$`) }, ({ path, resolveDir }) =>
        join(resolveDir, path) === RECORDER ? { path: replacement } : undefined,
      );
    },
  };
}
