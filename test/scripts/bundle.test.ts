import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, it } from "vitest";
import { runScript } from "./run-script.ts";

/** The largest allowed size of the Worker, because a larger Worker takes longer to start. */
const MAX_GZIPPED_BYTES = 120_000;

describe("the Worker, as it is deployed", () => {
  it(`is below ${MAX_GZIPPED_BYTES} bytes gzipped`, async ({ expect, onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), "tracklog-bundle-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { code } = await runScript("scripts/deploy.ts", ["--dry-run", "--outdir", folder]);
    expect(code).toBe(0);
    expect(gzipSync(readFileSync(join(folder, "index.js"))).length).toBeLessThan(MAX_GZIPPED_BYTES);
  });
});
