import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to the first POST; all other requests are forwarded and answered. */
export type Fault =
  /** It never arrives. */
  | "503"
  /** It arrives and is stored; then the connection breaks. */
  | "answer lost";

/** Stands between a client and a Worker, and fails once. */
export async function startFaultyProxy(target: string, fault: Fault) {
  /** The statuses with which the POSTs were answered, or would have been. */
  const statuses: number[] = [];
  /** The POSTs' bodies, as far as they have come. */
  const bodies: string[] = [];
  let hasFailed = false;

  function handle(incoming: IncomingMessage, response: ServerResponse) {
    const { method, headers, url } = incoming;
    const isFirst = method === "POST" && !hasFailed;
    hasFailed ||= isFirst;
    if (method === "POST") record(incoming);
    if (isFirst && fault === "503") {
      statuses.push(503);
      // Tracklog's own 503 can be read by a page, too.
      const access = headers.origin === undefined ? {} : { "Access-Control-Allow-Origin": headers.origin };
      response.writeHead(503, { "Retry-After": "1", ...access }).end();
      return;
    }
    const outgoing = httpRequest(new URL(url!, target), { method, headers }, (answer) => {
      if (method === "POST") statuses.push(answer.statusCode!);
      if (isFirst) incoming.socket.destroy();
      else answer.pipe(response.writeHead(answer.statusCode!, answer.headers));
    });
    outgoing.on("error", () => incoming.socket.destroy());
    incoming.pipe(outgoing);
  }

  function record(incoming: IncomingMessage) {
    const index = bodies.push("") - 1;
    incoming.on("data", (chunk: Buffer) => (bodies[index] += chunk.toString()));
  }

  const server = createServer(handle);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    statuses,
    bodies,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
