import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "../fuzz-run/random.ts";
import type { Cast } from "./cast.ts";
import type { Recorder } from "./recorder.ts";
import { DATABASES, type ServerUnderTest } from "./server-under-test.ts";

interface Stage {
  server: ServerUnderTest;
  recorder: Recorder;
  cast: Cast;
  dice: Dice;
  isOver: () => boolean;
}

const RETRY_PAUSE_MS = 200;

export async function runEraser({ server, recorder, cast, dice, isOver }: Stage): Promise<void> {
  while (!isOver()) {
    await sleep(200 + dice.below(1_500));
    await eraseUser(server, recorder, cast.someErasable(dice));
  }
}

/** Erases a user, and repeats the request until it is answered. */
export async function eraseUser(server: ServerUnderTest, recorder: Recorder, user: string): Promise<void> {
  for (;;) {
    const invoked = recorder.now();
    const answered = await server.ask("DELETE", `/users/${encodeURIComponent(user)}`);
    const answer = answered && { erased: Number(answered.body["erased"]) };
    recorder.note(invoked, { kind: "erase", client: "eraser", user, answer });
    if (answer !== null) return;
    await sleep(RETRY_PAUSE_MS);
  }
}

/** Suppresses some users, and later ends the suppression. */
export async function runSuppressor({ server, recorder, cast, dice, isOver }: Stage): Promise<void> {
  const suppressed = new Set<string>();
  while (!isOver()) {
    await sleep(300 + dice.below(2_500));
    const user = dice.one(cast.shyUsers);
    const on = !suppressed.has(user);
    for (let isAnswered = false; !isAnswered;) {
      const invoked = recorder.now();
      const answered = await server.ask(on ? "PUT" : "DELETE", `/users/${encodeURIComponent(user)}/suppression`);
      recorder.note(invoked, { kind: "suppress", client: "suppressor", user, on, answer: answered && true });
      isAnswered = answered !== null;
      if (!isAnswered) await sleep(RETRY_PAUSE_MS);
    }
    if (on) suppressed.add(user);
    else suppressed.delete(user);
  }
}

/** Runs the archive, the cron and sometimes a rebuild, as a deployment does. */
export async function runCaretaker({ server, recorder, dice, isOver }: Stage): Promise<void> {
  while (!isOver()) {
    await sleep(300 + dice.below(2_000));
    const what = dice.below(100);
    if (what < 60) await runArchive(server, recorder, "caretaker", dice.one(DATABASES));
    else if (what < 92) {
      // The cron runs the archive, too.
      const invoked = recorder.now();
      const isDone = await server.runCron();
      recorder.note(invoked, { kind: "care", what: "archive", client: "cron", answer: isDone ? {} : null });
    } else await rebuild(server, recorder, dice.one(DATABASES));
  }
}

export async function runArchive(
  server: ServerUnderTest,
  recorder: Recorder,
  client: string,
  database: string,
): Promise<void> {
  const invoked = recorder.now();
  const answered = await server.ask("POST", `/archive/run?database=${database}`, { isLong: true });
  recorder.note(invoked, { kind: "care", what: "archive", client, answer: answered && answered.body });
}

/** Repeats the rebuild until it is done, even after the end of the run, because counters are incomplete before that. */
async function rebuild(server: ServerUnderTest, recorder: Recorder, database: string): Promise<void> {
  for (let isRestart = true; ; isRestart = false) {
    const invoked = recorder.now();
    const answered = await server.ask("POST", `/rebuild?database=${database}&restart=${isRestart}`, { isLong: true });
    recorder.note(invoked, { kind: "care", what: "rebuild", client: "caretaker", answer: answered && answered.body });
    if (answered?.body["stage"] === "done") return;
    await sleep(RETRY_PAUSE_MS);
  }
}
