/**
 * The steps of a user log's schema. Append only: a step that has run anywhere never changes.
 * SQL holds what is read by range; the log's few single values are in the object's key-value storage (log-state.ts).
 */
const STEPS: readonly string[] = [
  `CREATE TABLE events (
    seq         INTEGER PRIMARY KEY,
    timestamp   INTEGER NOT NULL,
    event       TEXT    NOT NULL,
    message_id  TEXT    NOT NULL,
    revision    INTEGER NOT NULL,
    properties  TEXT    NOT NULL,
    context     TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    source      TEXT,
    UNIQUE (timestamp, event, message_id)
  )`,
  // Events with a revision that D1 has not got. A new event needs no row here: its seq is past the shipped ones.
  `CREATE TABLE changed (seq INTEGER PRIMARY KEY, revision INTEGER NOT NULL)`,
];

const TABLES = ["events", "changed"];

/** Brings the schema up to date, in one transaction. Free where it is. */
export function applySchema(storage: DurableObjectStorage): void {
  const applied = storage.kv.get<number>("schema_step") ?? 0;
  if (applied === STEPS.length) return;
  storage.transactionSync(() => {
    for (const step of STEPS.slice(applied)) storage.sql.exec(step);
    storage.kv.put("schema_step", STEPS.length);
  });
}

/** Removes all events. Dropping a table writes no row per event, deleting them would. */
export function dropSchema(storage: DurableObjectStorage): void {
  for (const table of TABLES) storage.sql.exec(`DROP TABLE IF EXISTS ${table}`);
  storage.kv.delete("schema_step");
}
