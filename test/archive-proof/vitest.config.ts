import { defineConfig } from "vitest/config";

// `npm run test:archive`: all there is, the quick tests of `npm test` in full and the long ones. Some minutes.
process.env["ARCHIVE_PROOF"] = "whole";

export default defineConfig({
  test: {
    include: ["test/archive-proof/**/*.test.ts", "test/archive/**/*.test.ts"],
    testTimeout: 20 * 60_000,
    hookTimeout: 60_000,
    // The machine is one test's at a time: some measure memory.
    fileParallelism: false,
  },
});
