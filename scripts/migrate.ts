import { unstable_readConfig as readConfig } from "wrangler";
import { wrangler } from "./wrangler.ts";

/** Applies the migrations to every D1 database that wrangler.toml binds. */
export function migrate(where: "--local" | "--remote"): void {
  for (const { binding } of readConfig({ config: "wrangler.toml" }).d1_databases)
    wrangler(["d1", "migrations", "apply", binding, where], "ignore");
}

if (import.meta.main) migrate(process.argv.includes("--remote") ? "--remote" : "--local");
