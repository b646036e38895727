import { setTimeout as sleep } from "node:timers/promises";
import type { LiveLine } from "./model/entry.ts";
import type { Recorder } from "./recorder.ts";
import type { ServerUnderTest } from "./server-under-test.ts";

const RECONNECT_MS = 500;
const MAX_OPEN_MS = 5_000;

/** Watches events arrive through a WebSocket, and connects again whenever it is closed. */
export async function runWatcher(server: ServerUnderTest, recorder: Recorder, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await watch(server, recorder, isOver);
    await sleep(RECONNECT_MS);
  }
}

async function watch(server: ServerUnderTest, recorder: Recorder, isOver: () => boolean): Promise<void> {
  const answered = await server.ask("POST", "/live/ticket");
  if (answered?.status !== 200) return;
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/live?ticket=${String(answered.body["ticket"])}`);
  const closed = new Promise<void>((resolve) => {
    socket.addEventListener("close", () => resolve());
    socket.addEventListener("error", () => resolve());
  });
  socket.addEventListener("message", ({ data }) => {
    const lines = String(data)
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ type }) => type === "verdict");
    if (lines.length > 0) recorder.note(recorder.now(), { kind: "live", client: "watcher", answer: lines.map(lineOf) });
  });
  const over = (async () => {
    while (!isOver()) await sleep(100);
  })();
  await Promise.race([closed, over]);
  socket.close();
  await Promise.race([closed, sleep(MAX_OPEN_MS)]);
}

function lineOf(line: Record<string, unknown>): LiveLine {
  return {
    id: String(line["id"]),
    verdict: String(line["verdict"]),
    user: String(line["user_id"]),
    seq: (line["seq"] as number | undefined) ?? null,
    revision: (line["revision"] as number | undefined) ?? null,
    properties: (line["properties"] as Record<string, unknown> | undefined) ?? null,
  };
}
