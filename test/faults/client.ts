import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger, SentEvent } from "./ledger.ts";

/** Fewer than fit one page of a timeline. */
const EVENTS_PER_USER = 300;

const MAX_BATCH_EVENTS = 10;
const UPDATE_SHARE = 0.1;
const BATCH_SHARE = 0.3;
const RETRY_DELAY_MS = 50;
const MAX_ANSWER_MS = 10_000;

let clock = Date.now() - 24 * 60 * 60 * 1000;

/**
 * Sends events as a careful client does: one request after the other, and each again, unchanged, until it is answered.
 * Every other batch goes to the user to whom all clients write.
 *
 * @param random numbers from 0 to 1 that decide what the client does next
 * @param isOver whether to begin no further request
 */
export async function runClient(
  url: string,
  name: string,
  random: () => number,
  ledger: Ledger,
  isOver: () => boolean,
): Promise<void> {
  let ownEvents = 0;
  while (!isOver()) {
    const own = `${name}-${Math.floor(ownEvents / EVENTS_PER_USER)}`;
    const dice = random();
    const update = dice < UPDATE_SHARE ? someEventOf(ledger, own, random()) : null;
    if (update) {
      await send(url, [{ ...update, properties: { [`note_${clock}`]: clock++ } }], ledger);
      continue;
    }
    const size = dice < UPDATE_SHARE + BATCH_SHARE ? 1 + Math.floor(random() * MAX_BATCH_EVENTS) : 1;
    const events = newEvents(size, (i) => (i % 4 === 3 ? sharedUser() : own));
    ownEvents += size;
    await send(url, events, ledger);
  }
}

export async function send(url: string, events: SentEvent[], ledger: Ledger): Promise<void> {
  const body = JSON.stringify(events);
  for (let attempt = 1; ; attempt++) {
    const results = await post(url, body);
    if (results) {
      events.forEach((event, i) => ledger.note(event, results[i]!, attempt > 1));
      return;
    }
    await sleep(RETRY_DELAY_MS);
  }
}

/** Null if there was no answer, or one that asks to try again later. */
export async function post(
  url: string,
  body: string,
): Promise<{ status: string; seq: number; revision: number }[] | null> {
  const signal = AbortSignal.timeout(MAX_ANSWER_MS);
  const answer = await fetch(`${url}/track`, { method: "POST", body, signal })
    .then(async (response) => ({ status: response.status, body: (await response.json()) as { results: [] } }))
    .catch(() => null);
  if (!answer || answer.status >= 500 || answer.status === 429) return null;
  if (answer.status !== 200) throw new Error(`Answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body.results;
}

export function newEvents(count: number, userOf: (number: number) => string): SentEvent[] {
  return Array.from({ length: count }, (_, i) => newEvent(userOf(i)));
}

function newEvent(userId: string): SentEvent {
  const time = clock++;
  return { event: "tested", user_id: userId, timestamp: new Date(time).toISOString(), properties: { number: time } };
}

let sharedEvents = 0;

function sharedUser(): string {
  return `shared-${Math.floor(sharedEvents++ / EVENTS_PER_USER)}`;
}

/** @param dice a number from 0 to 1 that chooses one of them */
function someEventOf(ledger: Ledger, userId: string, dice: number): SentEvent | null {
  const entries = [...(ledger.users.get(userId)?.values() ?? [])];
  return entries[Math.floor(dice * entries.length)]?.sent ?? null;
}
