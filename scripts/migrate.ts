import { configOf } from "./config.ts";
import { wrangler } from "./wrangler.ts";

/**
 * Applies the migrations to every D1 database in the configuration. Ends the process if one fails.
 *
 * @param options further options for wrangler, such as the configuration and the place of local databases
 */
export function migrate(where: "--local" | "--remote", options: string[] = []): void {
  for (const { binding } of configOf(options).d1_databases)
    wrangler(["d1", "migrations", "apply", binding, where, ...options], "ignore");
}
