import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to the first request; all others are forwarded and answered. */
export type Fault =
  /** It never arrives. */
  | "503"
  /** It arrives and is stored; then the connection breaks. */
  | "answer lost";

/** Stands between a client and a Worker, and fails once. */
export async function startFaultyProxy(target: string, fault: Fault) {
  /** The statuses with which the requests were answered, or would have been. */
  const statuses: number[] = [];
  let hasFailed = false;

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const isFirst = !hasFailed;
    hasFailed = true;
    if (isFirst && fault === "503") {
      statuses.push(503);
      response.writeHead(503, { "Retry-After": "1" }).end();
      return;
    }
    const answer = await fetch(new URL(request.url!, target), {
      method: request.method!,
      headers: ["authorization", "content-type", "content-encoding"].flatMap((name): [string, string][] => {
        const value = request.headers[name];
        return typeof value === "string" ? [[name, value]] : [];
      }),
      body: new Uint8Array(await bodyOf(request)),
    });
    statuses.push(answer.status);
    if (isFirst) request.socket.destroy();
    else response.writeHead(answer.status).end(await answer.text());
  }

  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    statuses,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
