import { setTimeout as sleep } from "node:timers/promises";
import { newEvents, post, send } from "./client.ts";
import type { Ledger } from "./ledger.ts";

const EVENTS = 200;
const MAX_REQUEST_EVENTS = 100;
const RETRY_DELAY_MS = 50;
const MAX_ANSWER_MS = 10_000;

/**
 * Records events of one user after the other, erases the user, and records some more events. Only these must be there in
 * the end.
 *
 * @param isOver whether to begin with no further user
 */
export async function runErasingClient(url: string, ledger: Ledger, isOver: () => boolean): Promise<void> {
  for (let number = 0; !isOver(); number++) {
    const user = `erased-${number}`;
    for (let sent = 0; sent < EVENTS; sent += MAX_REQUEST_EVENTS)
      await post(url, JSON.stringify(newEvents(MAX_REQUEST_EVENTS, () => user)));
    await erase(url, user, ledger);
    if (number % 2 === 0)
      await send(
        url,
        newEvents(5, () => user),
        ledger,
      );
  }
}

/** Erases a user, and repeats the request until it is answered. */
export async function erase(url: string, user: string, ledger: Ledger): Promise<void> {
  while (!(await isErased(url, user))) await sleep(RETRY_DELAY_MS);
  ledger.erased.add(user);
}

async function isErased(url: string, user: string): Promise<boolean> {
  const signal = AbortSignal.timeout(MAX_ANSWER_MS);
  return fetch(`${url}/users/${user}`, { method: "DELETE", signal }).then(
    ({ ok }) => ok,
    () => false,
  );
}
