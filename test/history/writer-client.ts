import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "../fuzz-run/random.ts";
import type { Cast, Request } from "./cast.ts";
import type { StoredEvent, Verdict } from "./model/entry.ts";
import type { Recorder } from "./recorder.ts";
import type { ServerUnderTest } from "./server-under-test.ts";

const READ_SHARE = 0.12;
const GIVE_UP_SHARE = 0.1;
const MAX_PAUSE_MS = 40;
const MAX_RETRY_PAUSE_MS = 1_500;

interface Stage {
  name: string;
  server: ServerUnderTest;
  recorder: Recorder;
  cast: Cast;
  dice: Dice;
  /** Whether to begin no further request. */
  isOver: () => boolean;
}

/** A client that records events, usually repeats requests that were not answered, and reads timelines. */
export async function runWriter(stage: Stage): Promise<void> {
  const { cast, dice } = stage;
  while (!stage.isOver()) {
    if (dice.hits(READ_SHARE)) await noteTimeline(stage, cast.someUser(dice));
    else await sendUntilAnswered(stage, cast.nextRequest(dice));
    await sleep(dice.below(MAX_PAUSE_MS));
  }
}

async function sendUntilAnswered(stage: Stage, request: Request): Promise<void> {
  const { dice, isOver } = stage;
  while (!(await send(stage, request)) && !dice.hits(GIVE_UP_SHARE)) {
    await sleep(dice.below(MAX_RETRY_PAUSE_MS));
    // A retry after the end would wake the log, but the log has to deliver by itself.
    if (isOver()) return;
  }
}

/** Sends a request, and returns whether it was answered. */
async function send({ name, server, recorder }: Stage, request: Request): Promise<boolean> {
  const { route, body, headers, events } = request;
  const invoked = recorder.now();
  const answered = await server.ask("POST", route, { body, headers });
  const answer = answered && verdictsOf(answered.body, events.length);
  if (answered && !answer)
    server.faults.push(`POST ${route} answered ${answered.status}: ${JSON.stringify(answered.body).slice(0, 300)}`);
  recorder.note(invoked, { kind: "record", client: name, route, events, answer });
  return answer !== null;
}

/** The verdicts of an answer. Null if a client cannot understand it. */
function verdictsOf(body: Record<string, unknown>, count: number): Verdict[] | null {
  const { results } = body as { results?: Verdict[] };
  if (results) return results.length === count ? results.map(verdictOf) : null;
  if (count !== 1) return null;
  if (typeof body["status"] === "string") return [verdictOf(body as unknown as Verdict)];
  // The answer to a single refused event is a problem, and its `status` is a number.
  return body["success"] === false ? [{ status: "rejected" }] : null;
}

function verdictOf({ status, seq, revision, late }: Verdict): Verdict {
  if (seq === undefined || revision === undefined) return { status };
  return { status, seq, revision, ...(late && { late }) };
}

/** Reads a timeline. Records it only if it fits one page, because other clients may write between two pages. */
async function noteTimeline({ name, server, recorder, dice }: Stage, user: string): Promise<void> {
  const invoked = recorder.now();
  const limit = 1 + dice.below(500);
  const answer = await readTimeline(server, user, limit);
  if (!answer || answer.length <= limit) recorder.note(invoked, { kind: "read", client: name, user, answer });
}

/** Reads a timeline, page by page. Null if a page was not answered. */
export async function readTimeline(
  server: ServerUnderTest,
  user: string,
  limit: number,
): Promise<StoredEvent[] | null> {
  const events: StoredEvent[] = [];
  for (let cursor: string | null = null; ;) {
    const query: string = `limit=${limit}${cursor === null ? "" : `&cursor=${cursor}`}`;
    const answered = await server.ask("GET", `/users/${encodeURIComponent(user)}/events?${query}`);
    if (!answered) return null;
    const { events: page = [], next_cursor = null } = answered.body as {
      events?: StoredEvent[];
      next_cursor?: string | null;
    };
    events.push(...page);
    cursor = next_cursor;
    if (cursor === null) return events;
  }
}
