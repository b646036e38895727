import { describe, it } from "vitest";
import { eventParser } from "../../src/event/parse-event.ts";
import { MAX_EVENT_BYTES } from "../../src/limits.ts";
import { anEvent } from "../tracklog.ts";

const parse = eventParser(Date.UTC(2026, 10, 23));

/** The faults of an event, as "pointer detail"; none if it is accepted. */
function faultsOf(input: unknown): string[] {
  const parsed = parse(input);
  return parsed.ok ? [] : parsed.faults.map(({ pointer, detail }) => `${pointer} ${detail}`);
}

/** The faults of the valid event with these fields changed. */
const faultsWith = (changes: Record<string, unknown>) => faultsOf(anEvent(changes));

const UNKNOWN = "is not a field of an event: put it into properties or context, or leave it out";

/** The valid event with a JSON text in place of an object, since not all JSON can be written as JavaScript. */
function withJson(json: string, field = "properties"): unknown {
  return JSON.parse(JSON.stringify(anEvent({ [field]: "JSON" })).replace('"JSON"', json));
}

/** An event with this many levels of nesting, its own object included. */
function nested(levels: number, field: string): unknown {
  return withJson(`${'{"a":'.repeat(levels - 2)}{}${"}".repeat(levels - 2)}`, field);
}

function lists(depth: number): unknown {
  return JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);
}

describe("an event's fields", () => {
  it("become an event with its objects as JSON text", ({ expect }) => {
    const sent = anEvent({ properties: { plan: "pro", tags: [1, null] }, context: { ip: "::1" }, message_id: "m-1" });
    expect(parse(sent)).toEqual({
      ok: true,
      event: {
        event: "signed_up",
        userId: "user123",
        timestamp: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
        messageId: "m-1",
        properties: '{"plan":"pro","tags":[1,null]}',
        context: '{"ip":"::1"}',
        enrichment: "", // set by the edge, never by the client
        profile: {},
        hasOwnTime: true,
        hasOwnId: true,
      },
    });
  });

  it("may leave out context and message_id", ({ expect }) => {
    expect(parse(anEvent())).toMatchObject({ ok: true, event: { context: "{}", messageId: "", hasOwnId: false } });
  });

  it("take null for a missing message_id, and for what is not known about the user", ({ expect }) => {
    expect(parse(anEvent({ message_id: null }))).toEqual(parse(anEvent()));
    const properties = { email: null, name: null, first_name: null, last_name: "Lee" };
    expect(parse(anEvent({ properties }))).toMatchObject({
      ok: true,
      event: { properties: JSON.stringify(properties), profile: { last_name: "Lee" } },
    });
  });

  it("take event_name for event, and both if they agree", ({ expect }) => {
    const { event, ...others } = anEvent();
    expect(parse({ ...others, event_name: event })).toEqual(parse(anEvent()));
    expect(parse(anEvent({ event_name: event }))).toEqual(parse(anEvent()));
    expect(faultsWith({ event_name: "other" })).toEqual([
      "/event_name differs from event: send one of them, or the same in both",
    ]);
    expect(faultsOf(others)).toEqual(["/event is required (or event_name)"]);
  });

  it("keep keys that have a special meaning in JavaScript", ({ expect }) => {
    const properties = '{"__proto__":{"admin":true},"constructor":1,"toString":null,"toJSON":{},"":0}';
    const parsed = parse({ ...anEvent(), properties: JSON.parse(properties) as unknown });
    expect(parsed).toMatchObject({ ok: true, event: { properties } });
  });

  it("keep the spaces and case of ids: nothing is trimmed or folded", ({ expect }) => {
    expect(parse(anEvent({ user_id: " Zoë/% " }))).toMatchObject({ ok: true, event: { userId: " Zoë/% " } });
  });
});

describe("an event that is refused", () => {
  it("comes with all its faults at once, each with its pointer", ({ expect }) => {
    const faults = faultsOf({
      event: "",
      user_id: 5,
      properties: { email: 1, name: true, first_name: [], last_name: {} },
      timestamp: "2020-02-30",
      context: [],
      message_id: " ",
      colour: "red",
    });
    expect(faults.sort()).toEqual([
      "/colour is not a field of an event: put it into properties or context, or leave it out",
      '/context must be an object like {"plan": "pro"}, not an array',
      "/event is empty",
      "/message_id is blank",
      "/properties/email must be a string, or null if it is not known, not a number",
      "/properties/first_name must be a string, or null if it is not known, not an array",
      "/properties/last_name must be a string, or null if it is not known, not an object",
      "/properties/name must be a string, or null if it is not known, not a boolean",
      "/timestamp is an impossible date: 2020-2 has no day 30",
      "/user_id must be a string, not a number",
    ]);
  });

  it("gets a fault for every required field that it lacks", ({ expect }) => {
    expect(faultsOf({}).sort()).toEqual([
      "/event is required (or event_name)",
      "/properties is required",
      "/timestamp is required",
      "/user_id is required",
    ]);
  });

  it("may be anything but an object", ({ expect }) => {
    for (const input of [null, true, 5, "event", [], [anEvent()]])
      expect(faultsOf(input)).toEqual([expect.stringMatching(/^ must be a JSON object, not /)]);
  });

  it.for(["properties", "context"])("must have an object in %s", (field, { expect }) => {
    for (const [value, name] of [
      ["x", "a string"],
      [null, "null"],
      [[], "an array"],
      [1, "a number"],
    ] as const)
      expect(faultsWith({ [field]: value })).toEqual([`/${field} must be an object like {"plan": "pro"}, not ${name}`]);
  });

  it.for([null, true, {}, []])("must not have %j for its timestamp", (timestamp, { expect }) => {
    expect(faultsWith({ timestamp })).toEqual([
      expect.stringMatching(/^\/timestamp must be an ISO-8601 text like "[\w:.-]+" or an epoch number, not /),
    ]);
  });

  it.for(["colour", "", "a/b~c", "__proto__", "constructor", "toString", "hasOwnProperty"])(
    "gets a fault for its unknown field %j by name, also if nothing else is wrong",
    (name, { expect }) => {
      // Through JSON, in which __proto__ is a key like others.
      const sent: unknown = JSON.parse(`{${JSON.stringify(name)}:1,${JSON.stringify(anEvent()).slice(1)}`);
      const pointer = name.replaceAll("~", "~0").replaceAll("/", "~1");
      expect(faultsOf(sent)).toEqual([`/${pointer} ${UNKNOWN}`]);
    },
  );

  it("gets a fault for each unknown field, along with other faults", ({ expect }) => {
    const faults = faultsOf(JSON.parse('{"__proto__":1,"colour":2,"constructor":3}'));
    for (const name of ["__proto__", "colour", "constructor"]) expect(faults).toContain(`/${name} ${UNKNOWN}`);
    expect(faults).toContain("/user_id is required");
  });

  it("gets at most fifty faults", ({ expect }) => {
    const unknown = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field${i}`, i]));
    expect(faultsWith(unknown)).toHaveLength(50);
  });

  it("never has its own long values or names repeated", ({ expect }) => {
    const long = "secret".repeat(5_000);
    const refused = parse({
      event: long,
      user_id: long,
      message_id: long,
      timestamp: long,
      properties: { email: [long] },
      context: long,
      [long]: long,
    });
    expect(refused.ok).toBe(false);
    expect(JSON.stringify(refused).length).toBeLessThan(1_000);
    expect(JSON.stringify(refused).match(/secret/g)!.length).toBeLessThan(12); // a piece of the field's name only
  });

  it("is answered in well-formed Unicode even if a name is not, or is cut within an emoji", ({ expect }) => {
    for (const name of ["\ud800", `${"x".repeat(63)}😀`])
      expect(faultsWith({ [name]: 1 }).every((fault) => fault.isWellFormed())).toBe(true);
  });
});

describe("an event's ids", () => {
  it.for(["undefined", "null", "NaN", "[object Object]", " null "])(
    "cannot be %j, which only a bug produces",
    (id, { expect }) => {
      const fault = "is a placeholder that only a bug produces, not an id";
      expect(faultsWith({ user_id: id })).toEqual([`/user_id ${fault}`]);
      expect(faultsWith({ message_id: id })).toEqual([`/message_id ${fault}`]);
      expect(faultsWith({ event: id })).toEqual([]); // an event may well be called "null"
    },
  );

  it.for(["nullable", "Null", "none", "0", "false", "undefined1", "...", "💥"])("can be %j", (id, { expect }) => {
    expect(faultsWith({ user_id: id, message_id: id })).toEqual([]);
  });

  it.for(["event", "event_name", "user_id", "message_id"])("and names must not be empty: %s", (field, { expect }) => {
    const event = field === "event_name" ? undefined : "signed_up";
    const faults = (value: string) => {
      const { event: _, ...others } = anEvent();
      return faultsOf({ ...others, ...(event ? { event } : {}), [field]: value });
    };
    expect(faults("")).toEqual([`/${field} is empty`]);
    expect(faults(" \t\n\u00a0\u3000")).toEqual([`/${field} is blank`]);
    expect(faults("a\0b")).toEqual([`/${field} holds a NUL character`]);
    for (const lone of ["\ud800", "a\udc00b", "\udc00\ud800"])
      expect(faults(lone)).toEqual([`/${field} is not well-formed Unicode: it holds a lone surrogate`]);
  });
});

describe("an event's limits", () => {
  it.for([
    ["event", 200],
    ["user_id", 256],
    ["message_id", 128],
  ] as const)("let %s have %i characters, an emoji being one", ([field, limit], { expect }) => {
    for (const character of ["x", "é", "漢", "😀"]) {
      expect(faultsWith({ [field]: character.repeat(limit) })).toEqual([]);
      const refused = parse(anEvent({ [field]: character.repeat(limit + 1) }));
      const detail = `has ${limit + 1} characters, at most ${limit}`;
      expect(refused).toEqual({ ok: false, faults: [{ pointer: `/${field}`, detail, limit, actual: limit + 1 }] });
    }
  });

  it.for(["properties", "context"])("let %s nest to 20 levels in all", (field, { expect }) => {
    expect(faultsOf(nested(20, field))).toEqual([]);
    for (const levels of [21, 5_000]) {
      const refused = parse(nested(levels, field));
      const detail = `is nested too deep: ${levels} levels, at most 20`;
      expect(refused).toEqual({ ok: false, faults: [{ pointer: `/${field}`, detail, limit: 20, actual: levels }] });
    }
  });

  it("count lists as levels, too", ({ expect }) => {
    expect(faultsWith({ properties: { a: lists(18) } })).toEqual([]);
    expect(faultsWith({ properties: { a: lists(19) } })).toEqual([
      "/properties is nested too deep: 21 levels, at most 20",
    ]);
  });

  it("refuse a number that JSON can write and a 64-bit float cannot hold", ({ expect }) => {
    for (const json of ['{"a":1e999}', '{"a":[{"b":-1e999}]}'])
      expect(faultsOf(withJson(json))).toEqual(["/properties holds a number too large for a 64-bit float"]);
    expect(faultsOf(withJson('{"a":1e308,"b":1e-999}'))).toEqual([]);
    expect(faultsOf(JSON.parse(JSON.stringify(anEvent()).replace(/"timestamp":"[^"]*"/, '"timestamp":1e999')))).toEqual(
      [expect.stringMatching(/^\/timestamp must be /)],
    );
  });

  it("take a number past 2^53 as the 64-bit float that it is nearest to", ({ expect }) => {
    expect(parse(withJson('{"a":9007199254740993}'))).toMatchObject({
      ok: true,
      event: { properties: '{"a":9007199254740992}' },
    });
  });

  it("let the texts of an event have 64 KB, in bytes of UTF-8", ({ expect }) => {
    for (const character of ["x", "é", "漢", "😀"]) {
      const others = '{"a":""}{}signed_upuser123'.length;
      const room = MAX_EVENT_BYTES - others;
      const width = new TextEncoder().encode(character).length;
      const fits = character.repeat(Math.floor(room / width)) + "x".repeat(room % width);
      expect(faultsWith({ properties: { a: fits } })).toEqual([]);
      expect(parse(anEvent({ properties: { a: `${fits}x` } }))).toEqual({
        ok: false,
        faults: [
          {
            pointer: "",
            detail: `is too large: ${MAX_EVENT_BYTES + 1} bytes, at most ${MAX_EVENT_BYTES}`,
            limit: MAX_EVENT_BYTES,
            actual: MAX_EVENT_BYTES + 1,
          },
        ],
      });
    }
  });
});
