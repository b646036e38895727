import { describe, it } from "vitest";
import { parseByteRange } from "../../../src/http/read/byte-range.ts";

describe("a Range header, of 10 bytes", () => {
  it.for([
    ["bytes=0-3", { start: 0, end: 3 }],
    ["bytes=2-", { start: 2, end: 9 }],
    ["Bytes= 9-20 ", { start: 9, end: 9 }],
    ["bytes=-4", { start: 6, end: 9 }],
    ["bytes=-40", { start: 0, end: 9 }],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=10-12", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    // These must be ignored.
    [undefined, null],
    ["", null],
    ["bytes=3-2", null],
    ["bytes=0-1,4-5", null],
    ["bytes=-", null],
    ["lines=0-3", null],
    ["bytes=a-b", null],
  ] as const)("%s is %o", ([header, range], { expect }) => {
    expect(parseByteRange(header, 10)).toEqual(range);
  });
});
