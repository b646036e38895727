import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What becomes of a request. */
export type Fate =
  /** The Worker gets it, and its answer is passed on. */
  | "forward"
  /** The Worker stores it; then the connection breaks. */
  | "lose the answer"
  /** The client gets no answer for as long as it waits. */
  | "hang"
  /** The Worker never gets it. */
  | { status: number; headers?: Record<string, string>; body?: string };

/** A request as it came. */
interface Seen {
  method: string;
  headers: IncomingMessage["headers"];
  url: string;
  /** The `message_id`s of its events. */
  ids: string[];
  /** The status with which it was answered, or would have been; undefined until then. */
  status?: number;
}

/** A server between clients and a Worker that treats each request as `fate` says. */
export async function startUnreliableServer(target: string) {
  const requests: Seen[] = [];
  const control = { fate: (_request: Seen, _body: string): Fate | Promise<Fate> => "forward" };

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const body = await bodyOf(request);
    const { method = "", url = "", headers } = request;
    const seen: Seen = { method, url, headers, ids: [...body.matchAll(/"message_id":"(\w+)"/g)].map(([, id]) => id!) };
    requests.push(seen);
    const fate = await control.fate(seen, body);
    if (fate === "hang") return;
    if (typeof fate === "object") {
      seen.status = fate.status;
      const cors = { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After" };
      response.writeHead(fate.status, { ...cors, ...fate.headers }).end(fate.body);
      return;
    }
    const passedOn = ["authorization", "content-type", "origin"].flatMap((name): [string, string][] => {
      const value = headers[name];
      return typeof value === "string" ? [[name, value]] : [];
    });
    const answer = await fetch(target + url, { method, headers: passedOn, ...(body && { body }) });
    const text = await answer.text();
    seen.status = answer.status;
    if (fate === "lose the answer") request.socket.destroy();
    else response.writeHead(answer.status, headersOf(answer)).end(text);
  }

  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    control,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The length and the encoding are those of the answer before it was read. */
function headersOf(answer: Response): Record<string, string> {
  const headers = Object.fromEntries(answer.headers);
  for (const name of ["content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"])
    delete headers[name];
  return headers;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
