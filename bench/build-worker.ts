import { dirname, join } from "node:path";
import * as esbuild from "esbuild";

const root = dirname(import.meta.dirname);

/**
 * Bundles a Worker from its entry. Throws if the Worker does not import a module that should be replaced, because such a
 * variant would be the same as Tracklog.
 *
 * @param entry relative to the repository's root
 * @param replaced modules and their replacements, both relative to the repository's root
 * @param plugins more plugins for esbuild
 * @returns the Worker as one ES module
 */
export async function buildWorker(
  entry: string,
  replaced: Record<string, string> = {},
  plugins: esbuild.Plugin[] = [],
): Promise<string> {
  const replacements = new Map(Object.entries(replaced).map(([module, by]) => [join(root, module), join(root, by)]));
  const found = new Set<string>();
  const replace: esbuild.Plugin = {
    name: "replace",
    setup(build) {
      build.onResolve({ filter: /^\..*\.ts$/ }, ({ path, resolveDir }) => {
        const module = join(resolveDir, path);
        const replacement = replacements.get(module);
        if (replacement === undefined) return undefined;
        found.add(module);
        return { path: replacement };
      });
    },
  };
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(root, entry)],
    bundle: true,
    write: false,
    format: "esm",
    target: "esnext",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    loader: { ".sql": "text" },
    plugins: [...plugins, replace],
    logLevel: "warning",
  });
  const missing = [...replacements.keys()].filter((module) => !found.has(module));
  if (missing.length > 0) throw new Error(`${entry} imports no ${missing.join(", ")}, which should be replaced`);
  return outputFiles[0]!.text;
}
