/** A deliberate fault in the product, as a replacement in one of its files. */
export interface Break {
  name: string;
  /** The rule whose violation a history has to find. It may also find others. */
  rule: string;
  file: string;
  find: string;
  replace: string;
}

/** The faults that a history has to find within a minute or two each. `npm run test:history -- --breaks` tries all of them. */
export const BREAKS: Break[] = [
  {
    name: "an event is stored again when it is sent again",
    rule: "G2",
    file: "src/user/record-event.ts",
    find: "message_id: event.messageId,",
    replace: "message_id: event.messageId || String(state.headSeq),",
  },
  {
    name: "a late retry of an older version undoes the update",
    rule: "G4",
    file: "src/user/record-event.ts",
    find: " || includesVersion(stored.versions, event))",
    replace: ")",
  },
  {
    name: "an update replaces the event instead of being merged",
    rule: "G4",
    file: "src/event/merge.ts",
    find: "const after = { ...before, ...change };",
    replace: "const after = { ...change };",
  },
  {
    name: "a log forgets which events D1 lacks when its object ends",
    rule: "G1",
    file: "src/user/event-log.ts",
    find: 'this.#state = values.get("log");\n    this.#backlogs = new Backlogs(values, this.#state);',
    replace: 'this.#state = values.get("log");\n    this.#backlogs = new Backlogs(values);',
  },
  {
    name: "no alarm makes sure that answered events are delivered",
    rule: "G1",
    file: "src/user/delivery.ts",
    find: "if (alarmAt === null || isOverdue || isFarOff) await this.#setAlarm(latest);",
    replace: "if (isOverdue || isFarOff) await this.#setAlarm(latest);",
  },
  {
    name: "an update that arrives during a delivery counts as delivered",
    rule: "G4",
    file: "src/user/backlog.ts",
    find: "else if (this.#entries.get(text) === entry) this.#remove(text);",
    replace: "else this.#remove(text);",
  },
  {
    name: "D1 keeps the first revision",
    rule: "G4",
    file: "src/d1/insert-events.ts",
    find: "WHERE excluded.revision > events.revision`",
    replace: "WHERE excluded.revision < events.revision`",
  },
  {
    name: "a repeated statement is added to the feed again",
    rule: "G7",
    file: "src/d1/insert-events.ts",
    find: "sent.revision > coalesce(known.revision, 0)",
    replace: "sent.revision >= coalesce(known.revision, 0)",
  },
  {
    name: "the feed skips a statement",
    rule: "G7",
    file: "src/d1/read-feed.ts",
    find: "[position + 1, 0])",
    replace: "[position + (position % 20 === 0 ? 2 : 1), 0])",
  },
  {
    name: "an erasure does not reach D1's rows",
    rule: "G8",
    file: "src/user/deliver-erasure.ts",
    find: "values.get(`erased:${generation}:${copy.pack}`) ?? []",
    replace: "[]",
  },
  {
    name: "late rows of an erased log come back",
    rule: "G8",
    file: "src/d1/insert-events.ts",
    find: "(SELECT 1 FROM erased WHERE",
    replace: "(SELECT 1 FROM erased WHERE 0 AND",
  },
  {
    name: "an erasure does not reach the archive",
    rule: "G8",
    file: "src/user/deliver-erasure.ts",
    find: "const hasArchive = archiveBucket(env) !== undefined;",
    replace: "const hasArchive = archiveBucket(env) === undefined;",
  },
  {
    name: "an erasure's receipt has a wrong number",
    rule: "G8",
    file: "src/user/erasure.ts",
    find: "    events: keptEvents(state),\n    erasedAt: now,",
    replace: "    events: keptEvents(state) + 1,\n    erasedAt: now,",
  },
  {
    name: "an object that is restarted has forgotten the suppression",
    rule: "suppression",
    file: "src/user/user-log.ts",
    find: '#isSuppressed = this.#values.get("suppressed") === true;',
    replace: "#isSuppressed = false;",
  },
  {
    name: "late events are at the end of a timeline",
    rule: "G3",
    file: "src/user/timeline.ts",
    find: 'ascending ? "timestamp, seq"',
    replace: 'ascending ? "seq, timestamp"',
  },
  {
    name: "the head follows the last event instead of the latest",
    rule: "G3",
    file: "src/user/record-event.ts",
    find: "Math.max(state.headTimestamp, event.timestamp)",
    replace: "event.timestamp",
  },
  {
    name: "the archive removes rows by their keys, without comparing revisions",
    rule: "G4",
    file: "src/archive/hot-rows.ts",
    find: " AND hot.revision = sent.value ->> 4",
    replace: "",
  },
  {
    name: "the archive's manifest does not list a new file",
    rule: "archive",
    file: "src/archive/manifest.ts",
    find: "const objects = [...kept, ...add]",
    replace: "const objects = [...kept, ...(remove.length > 0 ? add : [])]",
  },
];
