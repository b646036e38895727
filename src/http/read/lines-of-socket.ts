import { LIVE_HEARTBEAT_MS, MAX_LIVE_UNREAD_CHARACTERS } from "../../limits.ts";

/**
 * The messages of a WebSocket as lines, for a client that reads a stream. The Worker holds the socket to the live view,
 * so the live view can sleep between two events. Ends with the socket, or if the client reads too slowly.
 */
export function linesOfSocket(socket: WebSocket): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let heartbeat: ReturnType<typeof setInterval> | undefined;
  let isEnded = false;
  const end = () => {
    isEnded = true;
    clearInterval(heartbeat);
    socket.close();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const close = () => {
          if (!isEnded) controller.close();
          end();
        };
        const send = (text: string) => {
          if (isEnded) return;
          if ((controller.desiredSize ?? 0) <= 0) return close();
          controller.enqueue(encoder.encode(text));
        };
        socket.addEventListener("message", ({ data }) => {
          if (typeof data === "string") send(`${data}\n`);
        });
        socket.addEventListener("close", close);
        socket.accept();
        // An empty line is no event, and shows each side that the other is still there.
        heartbeat = setInterval(() => send("\n"), LIVE_HEARTBEAT_MS);
        send("\n");
      },
      cancel: end,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_LIVE_UNREAD_CHARACTERS }),
  );
}
