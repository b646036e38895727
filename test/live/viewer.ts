import { exports } from "cloudflare:workers";
import { vi } from "vitest";
import { type Answer, requestWith } from "../tracklog.ts";

/** Opens a viewer's WebSocket as the page does: with a ticket, and the filter in the query. */
export async function watch(query = "") {
  const { body } = await requestWith({}, "/live/ticket", { method: "POST" });
  const response = await exports.default.fetch(`https://tracklog.test/live?ticket=${body["ticket"]}&${query}`, {
    headers: { Upgrade: "websocket" },
  });
  const socket = response.webSocket!;
  const lines: Answer[] = [];
  socket.addEventListener("message", ({ data }) => {
    for (const line of (data as string).split("\n")) lines.push(JSON.parse(line) as Answer);
  });
  socket.accept();
  return {
    socket,
    lines,
    verdicts: () => lines.filter(({ type }) => type === "verdict"),
    /** Waits for a verdict about a user. */
    verdictOf: (userId: string, verdict?: string) =>
      vi.waitFor(
        () => {
          const found = lines.find(
            (line) => line["user_id"] === userId && (verdict === undefined || line["verdict"] === verdict),
          );
          if (!found) throw new Error(`No verdict yet among ${lines.length} lines`);
          return found;
        },
        { timeout: 10_000 },
      ),
  };
}
