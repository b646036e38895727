import { readFileSync, writeFileSync } from "node:fs";

const LOCAL_CONFIG = "wrangler.local.toml";

const ARCHIVE = `
[[r2_buckets]]
binding = "ARCHIVE"
bucket_name = "tracklog-archive"
`;

/**
 * Writes a copy of wrangler.toml that adds an R2 bucket for the archive, and returns its path. A deployment has an
 * archive only if its team wants one; locally a bucket is just a folder, so everything can be tried. The copy is beside
 * wrangler.toml, because paths in it are relative. If wrangler.toml already binds a bucket, returns its own path.
 */
export function localConfig(): string {
  const config = readFileSync("wrangler.toml", "utf8");
  if (/^binding = "ARCHIVE"$/m.test(config)) return "wrangler.toml";
  writeFileSync(
    LOCAL_CONFIG,
    `# Written by npm run dev from wrangler.toml: change that file instead.\n${config}${ARCHIVE}`,
  );
  return LOCAL_CONFIG;
}
