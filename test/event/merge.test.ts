import * as fc from "fast-check";
import { describe, it } from "vitest";
import { isSameJson, type JsonObject } from "../../src/event/json.ts";
import { mergeJson } from "../../src/event/merge.ts";

/** The merge of two objects, or null if it changes nothing. */
function merge(stored: unknown, sent: unknown): JsonObject | null {
  const merged = mergeJson(JSON.stringify(stored), JSON.stringify(sent));
  return merged === null ? null : (JSON.parse(merged) as JsonObject);
}

/** What is stored after merging `sent` into it. */
function after(stored: string, sent: string): string {
  return mergeJson(stored, sent) ?? stored;
}

/** The same JSON, each object's keys the other way round. */
function reversed(json: string): string {
  return JSON.stringify(JSON.parse(json), (_, node: unknown) =>
    typeof node === "object" && node !== null && !Array.isArray(node)
      ? Object.fromEntries(Object.entries(node).toReversed())
      : node,
  );
}

describe("mergeJson", () => {
  it("keeps what is stored, adds what is new, and lets the newer value win", ({ expect }) => {
    expect(merge({ a: 1, b: 2 }, { b: 3, c: 4 })).toEqual({ a: 1, b: 3, c: 4 });
  });

  it("replaces a nested object whole: only top-level keys merge", ({ expect }) => {
    expect(merge({ a: { x: 1, y: 2 } }, { a: { y: 3 } })).toEqual({ a: { y: 3 } });
  });

  it("stores a null, an empty object and an empty array as values, not as removals", ({ expect }) => {
    expect(merge({ a: 1, b: 1, c: 1 }, { a: null, b: {}, c: [] })).toEqual({ a: null, b: {}, c: [] });
  });

  it.for([
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, "the order of keys is no difference"],
    [{ a: { x: 1, y: 2 } }, { a: { y: 2, x: 1 } }, "nor is it within an object"],
    [{ a: 1, b: 2 }, { b: 2 }, "a part of what is stored is nothing new: the retry of an update has only that"],
    [{ a: 1 }, {}, "nothing is nothing new"],
    [{ a: 0 }, { a: -0 }, "JSON has one zero"],
  ] as const)("finds that %j and %j are the same: %s", ([stored, sent], { expect }) => {
    expect(merge(stored, sent)).toBeNull();
  });

  it.for([
    [{ a: [1, 2] }, { a: [2, 1] }, "the order of a list matters"],
    [{ a: 1 }, { a: "1" }, "a number is no text"],
    [{ a: {} }, { a: [] }, "an empty object is no empty list"],
    [{ a: null }, { a: false }, "null is not false"],
    [{ a: {} }, { a: null }, "null is no object"],
    [{ a: { x: null } }, { a: {} }, "a key with null is a key"],
    [{ a: {} }, { a: { x: null } }, "in either direction"],
    [{ a: [null] }, { a: [] }, "and so is an item"],
    [{ a: { x: 1 } }, { a: { y: 1 } }, "other keys in the same number"],
    [{ a: "é" }, { a: "e\u0301" }, "text is compared by code points, never normalized"],
  ] as const)("finds that %j and %j differ: %s", ([stored, sent], { expect }) => {
    expect(merge(stored, sent)).toEqual(sent);
  });

  it.for(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "treats %s as any other key",
    (key, { expect }) => {
      const text = (value: string) => `{"${key}":${value}}`;
      expect(mergeJson("{}", text('{"x":1}'))).toBe(text('{"x":1}')); // not null: {} has no such key of its own
      expect(mergeJson(text("1"), text("2"))).toBe(text("2"));
      expect(mergeJson(text("1"), "{}")).toBeNull();
      expect(mergeJson('{"a":{}}', `{"a":${text("{}")}}`)).toBe(`{"a":${text("{}")}}`); // nested, too
      // Every object inherits something under this name, which is not what was sent.
      expect(mergeJson(`{"a":${text("{}")}}`, '{"a":{"x":1}}')).toBe('{"a":{"x":1}}');
      expect(({} as JsonObject)["x"]).toBeUndefined(); // no prototype was touched
    },
  );
});

describe("mergeJson, for any objects", () => {
  const key = fc.oneof(fc.constantFrom("a", "b", "c", "__proto__", "constructor", "1", ""), fc.string());
  const value = fc.jsonValue({ maxDepth: 3 });
  // From pairs, so that __proto__ becomes a key, as JSON.parse makes it one.
  const object = fc.array(fc.tuple(key, value), { maxLength: 6 }).map((entries) => Object.fromEntries(entries));
  const text = fc.oneof(object, fc.record({ a: value, b: value }, { requiredKeys: [] })).map((o) => JSON.stringify(o));

  it("is idempotent: what was merged once is a duplicate", ({ expect }) => {
    fc.assert(
      fc.property(text, text, (stored, sent) => {
        expect(mergeJson(after(stored, sent), sent)).toBeNull();
      }),
    );
  });

  it("does not look at the order of keys", ({ expect }) => {
    fc.assert(
      fc.property(text, (stored) => {
        expect(mergeJson(stored, reversed(stored))).toBeNull();
      }),
    );
  });

  it("says that nothing changed exactly if nothing did", ({ expect }) => {
    fc.assert(
      fc.property(text, text, (stored, sent) => {
        const before = JSON.parse(stored) as JsonObject;
        const change = JSON.parse(sent) as JsonObject;
        const same = Object.keys(change).every(
          (name) => Object.hasOwn(before, name) && isSameJson(before[name], change[name]),
        );
        expect(mergeJson(stored, sent) === null).toBe(same);
      }),
    );
  });

  it("lets the newer value win under every key, and loses no stored one", ({ expect }) => {
    fc.assert(
      fc.property(text, text, (stored, sent) => {
        const [before, change, merged] = [stored, sent, after(stored, sent)].map(
          (o) => new Map(Object.entries(JSON.parse(o) as JsonObject)),
        );
        expect([...merged!.keys()].sort()).toEqual([...new Set([...before!.keys(), ...change!.keys()])].sort());
        for (const [name, kept] of merged!) {
          const expected = change!.has(name) ? change!.get(name) : before!.get(name);
          expect(isSameJson(kept, expected)).toBe(true);
        }
      }),
    );
  });

  it("has the same result however often each part of a history is sent again", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (history) => {
        const once = history.reduce(after, "{}");
        const twice = history.flatMap((sent) => [sent, sent]).reduce(after, "{}");
        expect(twice).toBe(once);
      }),
    );
  });
});
