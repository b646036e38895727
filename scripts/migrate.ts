import { configOf } from "./config.ts";
import { wrangler } from "./wrangler.ts";

/**
 * Applies the migrations to every D1 database that the configuration binds. Ends the process if one fails.
 *
 * @param options more of wrangler's, such as which configuration is meant and where local databases are
 */
export function migrate(where: "--local" | "--remote", options: string[] = []): void {
  for (const { binding } of configOf(options).d1_databases)
    wrangler(["d1", "migrations", "apply", binding, where, ...options], "ignore");
}
