import { defineConfig } from "vitest/config";

// `npm run test:archive`: runs everything, which is the quick tests of `npm test` in full and the long ones. It takes
// some minutes.
process.env["ARCHIVE_PROOF"] = "whole";

export default defineConfig({
  test: {
    include: ["test/archive-proof/**/*.test.ts", "test/archive/**/*.test.ts"],
    testTimeout: 20 * 60_000,
    hookTimeout: 60_000,
    // Tests run one at a time, because some measure memory.
    fileParallelism: false,
  },
});
