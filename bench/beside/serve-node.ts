import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { Pool } from "pg";
import type { TrackedEvent } from "../../src/event/contract.ts";
import { eventParser, type ParsedEvent } from "../../src/event/parse-event.ts";
import { messageParser } from "../../src/event/segment-message.ts";

// What a team might write without Cloudflare: a Node server that inserts into PostgreSQL and answers after the commit.
// It reads events by Tracklog's own contract, so the systems differ only in how they store events. `--state` is the
// folder of PostgreSQL's socket.

const { state, port } = parseArgs({ options: { state: { type: "string" }, port: { type: "string" } } }).values;

const pool = new Pool({ host: state!, user: "tracklog", database: "postgres" });
// PostgreSQL is killed, too. Without this handler, the loss of an idle connection would end the process.
pool.on("error", () => {});

// Two events are the same if these columns are the same, as in the direct variant.
await pool.query(`
  CREATE TABLE IF NOT EXISTS events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     text        NOT NULL,
    event       text        NOT NULL,
    timestamp   timestamptz NOT NULL,
    message_id  text        NOT NULL,
    properties  jsonb       NOT NULL,
    context     jsonb       NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, timestamp, event, message_id)
  )`);

const INSERT = `
  INSERT INTO events (user_id, event, timestamp, message_id, properties, context)
  SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::jsonb[], $6::jsonb[])
  ON CONFLICT DO NOTHING`;

/** Executes one statement per request, which each connection prepares once. Returns how many events are new. */
async function store(events: readonly TrackedEvent[]): Promise<number> {
  const values = [
    events.map(({ userId }) => userId),
    events.map(({ event }) => event),
    events.map(({ timestamp }) => new Date(timestamp).toISOString()),
    events.map(({ messageId }) => messageId),
    events.map(({ properties }) => properties),
    events.map(({ context }) => context),
  ];
  return (await pool.query({ name: "insert", text: INSERT, values })).rowCount ?? 0;
}

function parse(path: string | undefined, body: unknown): ParsedEvent[] {
  const now = Date.now();
  if (path === "/track") return (Array.isArray(body) ? (body as unknown[]) : [body]).map(eventParser(now));
  const envelope = body as { batch: unknown[] };
  return envelope.batch.map(messageParser({ envelope: { ...envelope }, now, nonce: randomUUID() }));
}

const server = createServer((request, response) => {
  const answer = (status: number, body: unknown) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(body));
  };
  const record = async () => {
    const parsed = parse(request.url, JSON.parse(await text(request)));
    const faults = parsed.flatMap((item) => (item.ok ? [] : item.faults));
    if (faults.length > 0) return answer(400, { faults });
    const created = await store(parsed.flatMap((item) => (item.ok ? [item.event] : [])));
    answer(200, { created, duplicates: parsed.length - created });
  };
  record().catch((error: unknown) => answer(500, { error: String(error) }));
});
server.listen(Number(port), "127.0.0.1", () => console.log("{}"));
