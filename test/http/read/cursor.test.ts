import * as v from "valibot";
import { describe, it } from "vitest";
import { cursorTo, encodeCursor } from "../../../src/http/read/cursor.ts";

describe("a cursor", () => {
  it.for(["user123", "Zoë", "ÿ", "漢字", "😀", "\u0000\ud800", '"\\u00e9"'])(
    "leads back to its place: %j",
    (userId, { expect }) => {
      const cursor = encodeCursor([1, userId]);
      expect(cursor).toMatch(/^[\w-]+$/);
      expect(v.parse(cursorTo(v.tuple([v.number(), v.string()])), cursor)).toEqual([1, userId]);
    },
  );
});
