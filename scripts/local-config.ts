import { readFileSync, writeFileSync } from "node:fs";

const LOCAL_CONFIG = "wrangler.local.toml";

const ARCHIVE = `
[[r2_buckets]]
binding = "ARCHIVE"
bucket_name = "tracklog-archive"
`;

/**
 * Writes wrangler.toml anew with an R2 bucket for the archive, and returns the path. A deployment has an archive only
 * when its team wants one; locally a bucket is a folder, and everything can be tried. Stands beside wrangler.toml, since
 * the paths in it count from there. Where that binds a bucket already, it is used as it is.
 */
export function localConfig(): string {
  const config = readFileSync("wrangler.toml", "utf8");
  if (/^binding = "ARCHIVE"$/m.test(config)) return "wrangler.toml";
  writeFileSync(LOCAL_CONFIG, `# Written by npm run dev from wrangler.toml: change that one.\n${config}${ARCHIVE}`);
  return LOCAL_CONFIG;
}
