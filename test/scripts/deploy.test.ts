import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, it } from "vitest";
import { runScript } from "./run-script.ts";

const ROOT = join(import.meta.dirname, "../..");
const WRANGLER = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
/** The lines that docs/growing.md adds for a second database. */
const DB_1 = `\n${/```toml\n(.*?)```/s.exec(readFileSync(join(ROOT, "docs/growing.md"), "utf8"))![1]!}`;

const written: string[] = [];

afterEach(() => {
  for (const file of written.splice(0)) rmSync(file);
});

/** Deploys with a configuration, as far as this is possible without an account. */
function dryRun(config: string) {
  // The file is in the folder of the real one, because its paths are relative.
  const name = `wrangler.test-${crypto.randomUUID()}.toml`;
  written.push(join(ROOT, name));
  writeFileSync(join(ROOT, name), config);
  return runScript("scripts/deploy.ts", ["--dry-run", "--config", name]);
}

describe("npm run deploy", () => {
  it("accepts a second database", async ({ expect }) => {
    const { code, output } = await dryRun(WRANGLER + DB_1);
    expect(code).toBe(0);
    expect(output).toContain("env.DB_1 (tracklog-1)");
  });

  it.for([
    ["no tables", DB_1.replace(/migrations_dir.*\n/, ""), /DB_1 has no migrations_dir, so it would get no tables/],
    ["other tables", DB_1.replace("src/d1", "other"), /DB_1 does not have the migrations_dir of DB/],
    ["no name", DB_1.replace(/database_name.*\n/, ""), /DB_1 has no database_name/],
    ["DB's name", DB_1.replace("tracklog-1", "tracklog"), /DB_1 has the same database_name as DB/],
  ] as [string, string, RegExp][])(
    "ends with one line before anything is live if a database has %s",
    async ([, database, fault], { expect }) => {
      const { code, output, errors } = await dryRun(WRANGLER + database);
      expect(code).toBe(1);
      expect(output).toBe("");
      expect(errors).toMatch(fault);
      expect(errors).toMatch(/^Nothing was deployed\. .*\n$/);
    },
  );

  it("ends with one line if no database has a folder with migrations", async ({ expect }) => {
    const { code, output, errors } = await dryRun((WRANGLER + DB_1).replaceAll("src/d1/migrations", "src/d1"));
    expect(code).toBe(1);
    expect(output).toBe("");
    expect(errors).toMatch(/DB has migrations_dir = "src\/d1", which has no migrations: .*; DB_1 has .*\n$/);
  });

  it("ends with one line if there is no database or no configuration", async ({ expect }) => {
    const without = await dryRun(WRANGLER.replace('binding = "DB"', 'binding = "EVENTS"'));
    expect(without).toMatchObject({
      code: 1,
      output: "",
      errors: expect.stringMatching(/binds no D1 database as DB\.\n$/),
    });
    const { code, errors } = await runScript("scripts/deploy.ts", ["--config", "no-such.toml"]);
    expect(code).toBe(1);
    expect(errors).toMatch(/^no-such\.toml cannot be read: .*\n$/);
  });

  it("refuses to deploy a second Worker onto the same databases", async ({ expect }) => {
    const { code, errors } = await runScript("scripts/deploy.ts", ["--dry-run", "--name", "another"]);
    expect(code).toBe(1);
    expect(errors).toMatch(/^--name would deploy a second Worker onto the same databases.*\n$/);
  });
});
