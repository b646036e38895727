import { describe, it } from "vitest";
import { checkHistory } from "./check-history.ts";
import type { Entry } from "./entry.ts";
import type { Found } from "./found.ts";
import {
  A,
  B,
  BOTH,
  created,
  duplicate,
  erase,
  erasedFeed,
  feed,
  found,
  read,
  receipt,
  receipts,
  record,
  rowOf,
  sent,
  stored,
  suppress,
  updated,
} from "./small-history.ts";

// Tests the model of `npm run test:history` with short histories that are known to be good or bad.

const HOUR = "2026-01-02T03:00:00.000Z";
const SEALED = Date.parse("2026-01-02T04:00:00.000Z");

const THREE = [{ hour: HOUR, event: "tested", events: 3 }];

const GOOD: [string, Entry[], Found][] = [
  ["two events", BOTH, found([stored(1, "a"), stored(2, "b")])],
  ["a request without an answer and without an effect", [record([1, 2], [A], null)], found([])],
  ["a request without an answer that had its effect", [record([1, 2], [A], null)], found([stored(1, "a")])],
  [
    "a retry of a request that had no answer",
    [record([1, 2], [A], null), record([3, 4], [A], [duplicate(1, 1)])],
    found([stored(1, "a")]),
  ],
  [
    "an update, and a late retry of the older version",
    [
      record([1, 2], [A], [created(1)]),
      record([3, 4], [sent("a", 2)], [updated(1, 2)]),
      record([5, 6], [A], [duplicate(1, 2)]),
    ],
    found([stored(1, "a", [1, 2])]),
  ],
  [
    "two requests at once, numbered in either order",
    [record([1, 4], [A], [created(2)]), record([2, 3], [B], [created(1)])],
    found([stored(1, "b"), stored(2, "a")]),
  ],
  [
    "an erasure, and then the same event again",
    [...BOTH, erase([5, 6], 2), record([7, 8], [A], [created(1)])],
    found([stored(1, "a")], { receipts: receipts(receipt(2)) }),
  ],
  [
    "an erasure at the same time as an event, which may or may not be erased",
    [record([1, 4], [A], [created(1)]), erase([2, 3], 0)],
    found([stored(1, "a")]),
  ],
  [
    "a suppressed user",
    [suppress([1, 2], true), record([3, 4], [A], [{ status: "suppressed" }]), suppress([5, 6], false)],
    found([]),
  ],
  [
    "an event in the archive in an older revision, and in D1 in the latest",
    [record([1, 2], [A], [created(1)]), record([3, 4], [sent("a", 2)], [updated(1, 2)])],
    found([stored(1, "a", [1, 2])], {
      archive: [{ ...rowOf(stored(1, "a")), object: "o" }],
      listed: ["o"],
      objects: ["o"],
    }),
  ],
  [
    "a reader who got both revisions",
    [
      record([1, 2], [A], [created(1)]),
      feed([3, 4], [rowOf(stored(1, "a"))]),
      record([5, 6], [sent("a", 2)], [updated(1, 2)]),
      feed([7, 8], [rowOf(stored(1, "a", [1, 2]))]),
    ],
    found([stored(1, "a", [1, 2])]),
  ],
  [
    "a sealed hour with events that are erased since",
    [...BOTH, erase([5, 6], 2)],
    found([], {
      receipts: receipts(receipt(2)),
      counters: {
        rows: [{ hour: HOUR, event: "tested", events: 2 }],
        isComplete: true,
        sealedBefore: SEALED,
        verdicts: {},
      },
    }),
  ],
];

const BAD: [string, string, Entry[], Found][] = [
  [
    "G1",
    "an answered event is nowhere in D1",
    BOTH,
    found([stored(1, "a"), stored(2, "b")], { d1: [rowOf(stored(1, "a"))] }),
  ],
  ["G2", "an event was stored twice", BOTH, found([stored(1, "a"), stored(2, "b"), stored(3, "b")])],
  [
    "G2",
    "a retry was created again",
    [...BOTH, record([5, 6], [A], [created(3)])],
    found([stored(1, "a"), stored(2, "b")]),
  ],
  [
    "G3",
    "a number was given twice",
    [record([1, 2], [A], [created(1)]), record([3, 4], [B], [created(1)])],
    found([stored(1, "a")]),
  ],
  [
    "G3",
    "a later event got a smaller number",
    [record([1, 2], [A], [created(2)]), record([3, 4], [B], [created(1)])],
    found([stored(1, "b"), stored(2, "a")]),
  ],
  ["G3", "a timeline is out of order", BOTH, found([stored(2, "b"), stored(1, "a")])],
  [
    "G3",
    "an event was answered as late and was not",
    [record([1, 2], [A], [created(1, true)])],
    found([stored(1, "a")]),
  ],
  [
    "G4",
    "a late retry undid an update",
    [record([1, 2], [A], [created(1)]), record([3, 4], [sent("a", 2)], [updated(1, 2)])],
    found([stored(1, "a", [2, 1])]),
  ],
  [
    "G4",
    "an update removed earlier properties",
    [record([1, 2], [A], [created(1)]), record([3, 4], [sent("a", 2)], [updated(1, 2)])],
    found([stored(1, "a", [2], { revision: 2 })]),
  ],
  [
    "G4",
    "an event was a duplicate although nothing was stored",
    [record([1, 2], [A], [duplicate(1, 1)])],
    found([stored(1, "a")]),
  ],
  [
    "G5",
    "a timeline lacks an answered event",
    [...BOTH, read([5, 6], [stored(1, "a")])],
    found([stored(1, "a"), stored(2, "b")]),
  ],
  ["G6", "a timeline has an event that nobody sent", BOTH, found([stored(1, "a"), stored(2, "x")])],
  [
    "G7",
    "a reader got an event twice",
    [record([1, 2], [A], [created(1)]), feed([3, 4], [rowOf(stored(1, "a"))]), feed([5, 6], [rowOf(stored(1, "a"))])],
    found([stored(1, "a")]),
  ],
  [
    "G7",
    "a reader missed an event",
    [...BOTH, feed([5, 6], [rowOf(stored(2, "b"))])],
    found([stored(1, "a"), stored(2, "b")]),
  ],
  [
    "G7",
    "a reader did not get an erasure",
    [record([1, 2], [A], [created(1)]), feed([3, 4], [rowOf(stored(1, "a"))]), erase([5, 6], 1), feed([7, 8], [])],
    found([], { receipts: receipts(receipt(1)) }),
  ],
  [
    "G8",
    "an erased event is still there",
    [...BOTH, erase([5, 6], 2)],
    found([stored(1, "a"), stored(2, "b")], { receipts: receipts(receipt(2)) }),
  ],
  [
    "G8",
    "a reader got an event after its erasure",
    [record([1, 2], [A], [created(1)]), erase([3, 4], 1), erasedFeed([5, 6]), feed([7, 8], [rowOf(stored(1, "a"))])],
    found([], { receipts: receipts(receipt(1)) }),
  ],
  [
    "G8",
    "an erased event is still in the archive",
    [record([1, 2], [A], [created(1)]), erase([3, 4], 1)],
    found([], {
      receipts: receipts(receipt(1)),
      archive: [{ ...rowOf(stored(1, "a")), object: "o" }],
      listed: ["o"],
      objects: ["o"],
    }),
  ],
  [
    "G5",
    "an erasure deleted an event that was sent after it",
    [erase([1, 2], 0), record([3, 4], [A], [created(1)])],
    found([]),
  ],
  ["G8", "an erasure's receipt is missing", [record([1, 2], [A], [created(1)]), erase([3, 4], 1)], found([])],
  [
    "G8",
    "an erasure erased fewer events than were stored",
    [...BOTH, erase([5, 6], 1)],
    found([], { receipts: receipts(receipt(1)) }),
  ],
  [
    "G8",
    "an erasure is not done",
    [record([1, 2], [A], [created(1)]), erase([3, 4], 1)],
    found([], { receipts: receipts(receipt(1, "d1")) }),
  ],
  [
    "suppression",
    "a suppressed user's event was stored",
    [suppress([1, 2], true), record([3, 4], [A], [created(1)])],
    found([stored(1, "a")]),
  ],
  [
    "G2",
    "an event is in two databases",
    BOTH,
    found([stored(1, "a"), stored(2, "b")], {
      d1: [rowOf(stored(1, "a")), rowOf(stored(2, "b")), rowOf(stored(2, "b"), 1, "DB_1")],
      counters: { rows: THREE, isComplete: true, sealedBefore: 0, verdicts: {} },
    }),
  ],
  ["archive", "a file is not listed", BOTH, found([stored(1, "a"), stored(2, "b")], { objects: ["o"] })],
  [
    "counters",
    "an hour is counted wrongly",
    BOTH,
    found([stored(1, "a"), stored(2, "b")], {
      counters: { rows: [], isComplete: true, sealedBefore: 0, verdicts: {} },
    }),
  ],
  [
    "counters",
    "a sealed hour lacks an event",
    [record([1, 2], [A], [created(1)])],
    found([stored(1, "a")], { counters: { rows: [], isComplete: true, sealedBefore: SEALED, verdicts: {} } }),
  ],
  [
    "live view",
    "a viewer saw an event that was not sent",
    [
      {
        kind: "live",
        id: 1,
        client: "w",
        invoked: 1,
        ended: 1,
        answer: [{ id: "1", verdict: "created", user: "ann", seq: 1, revision: 1, properties: { id: "x", last: 1 } }],
      },
    ],
    found([]),
  ],
];

describe("the model of the guarantees", () => {
  it.for(GOOD)("accepts %s", ([, entries, state], { expect }) => {
    expect(checkHistory(entries, state)).toEqual([]);
  });

  it.for(BAD)("finds a violation of %s: %s", ([rule, , entries, state], { expect }) => {
    expect(checkHistory(entries, state).map((violation) => violation.rule)).toContain(rule);
  });
});
