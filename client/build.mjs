import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

// Builds what `npm pack` puts into the package; with `--script` only /t.js, which wrangler asks for before it serves or
// deploys. Plain JavaScript: either may run it with a Node that takes no other.

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const options = {
  bundle: true,
  minify: true,
  target: "es2022",
  logLevel: "warning",
  // What the client's own parts call each other by, and nothing in an option, an event or a platform's object is called.
  mangleProps: /^(waiting|persist|isStored|sendLast|revive|hurry)$/,
};
const script = (outfile) => build({ ...options, entryPoints: [at("src/t.ts")], format: "iife", outfile });

mkdirSync(at("dist"), { recursive: true });
if (process.argv.includes("--script")) {
  // In one step: another server may be reading it.
  const fresh = at(`dist/t.js.${process.pid}`);
  await script(fresh);
  renameSync(fresh, at("../public/t.js"));
} else {
  await build({ ...options, entryPoints: [at("src/index.ts")], format: "esm", outfile: at("dist/index.js") });
  await script(at("dist/t.js"));
  const tsc = fileURLToPath(import.meta.resolve("typescript/package.json")).replace(/package\.json$/, "bin/tsc");
  const types = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir", at("dist")];
  execFileSync(process.execPath, [tsc, "-p", at("."), "--rootDir", at("src"), ...types], { stdio: "inherit" });
}
