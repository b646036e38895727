import { readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Unstable_Config as Config, unstable_readConfig as readConfig } from "wrangler";
import { fail } from "./ask-deployment.ts";
import { optionsNamed, valueNamed } from "./options-named.ts";

const CONFIG = ["--config", "-c"];
const ENVIRONMENT = ["--env", "-e"];

/** The options that tell wrangler which deployment is meant. */
export function deploymentOptions(options: readonly string[]): string[] {
  return optionsNamed([...CONFIG, ...ENVIRONMENT], options);
}

/** Reads the configuration that wrangler will read with these options. Ends the script if it cannot be read. */
export function configOf(options: readonly string[]): Config {
  const config = valueNamed(CONFIG, options) ?? "wrangler.toml";
  const environment = valueNamed(ENVIRONMENT, options);
  try {
    return readConfig({ config, ...(environment !== undefined && { env: environment }) });
  } catch (error) {
    return fail(`${config} cannot be read: ${(error as Error).message.split("\n")[0]}`);
  }
}

/**
 * Faults that would show only after a deployment is live, as one line each. A database without tables accepts no
 * events, and if a database has no name, a first deploy that failed half-way cannot be repeated.
 */
export function databaseFaults({ d1_databases: databases, configPath }: Config): string[] {
  const events = databases.filter(({ binding }) => /^DB(_\d+)?$/.test(binding));
  if (!events.some(({ binding }) => binding === "DB")) return [`${configPath} binds no D1 database as DB`];
  const root = dirname(configPath ?? ".");
  const migrations = events.find(({ binding, migrations_dir }) => binding === "DB" && migrations_dir)?.migrations_dir;
  return events.flatMap(({ binding, database_name, migrations_dir }) => [
    ...(database_name
      ? events
          .filter((other) => other.database_name === database_name && other.binding < binding)
          .map((other) => `${binding} has the same database_name as ${other.binding}: give each its own database`)
      : [`${binding} has no database_name: add one, so that a deploy that failed can be repeated`]),
    ...(!migrations_dir
      ? [`${binding} has no migrations_dir, so it would get no tables: add migrations_dir = "src/d1/migrations"`]
      : migrations_dir !== migrations
        ? [`${binding} does not have the migrations_dir of DB: set migrations_dir = "${migrations}"`]
        : hasMigrations(resolve(root, migrations_dir))
          ? []
          : [
              `${binding} has migrations_dir = "${migrations_dir}", which has no migrations: set migrations_dir = "src/d1/migrations"`,
            ]),
  ]);
}

function hasMigrations(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.endsWith(".sql"));
  } catch {
    return false;
  }
}
