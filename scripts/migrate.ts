import { unstable_readConfig as readConfig } from "wrangler";
import { wrangler } from "./wrangler.ts";

/**
 * Applies the migrations to every D1 database that wrangler.toml binds. Ends the process if one fails.
 *
 * @param options more of wrangler's, such as where local databases are
 */
export function migrate(where: "--local" | "--remote", options: string[] = []): void {
  for (const { binding } of readConfig({ config: "wrangler.toml" }).d1_databases)
    wrangler(["d1", "migrations", "apply", binding, where, ...options], "ignore");
}
