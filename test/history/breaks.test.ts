import { readFileSync } from "node:fs";
import { describe, it } from "vitest";
import { BREAKS } from "./breaks.ts";

describe("a deliberate fault", () => {
  it.for(BREAKS)("changes one place in the source: $name", ({ file, find }, { expect }) => {
    expect(readFileSync(file, "utf8").split(find)).toHaveLength(2);
  });
});
