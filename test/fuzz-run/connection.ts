import { connect, type Socket } from "node:net";

/** An answer as it was received, without the rest of the status line, such as the reason. */
export interface Answer {
  status: number;
  /** By name in lower case. */
  headers: Map<string, string>;
  body: Buffer;
  /** Whether the body never ends, so that this is only its beginning. */
  isStream: boolean;
}

export type Exchange =
  | { ok: true; answer: Answer }
  | { ok: false; fault: "no answer" | "too late" | "cut off" | "not HTTP" };

interface Options {
  /** Whether the answer has no body, even if its headers announce one. */
  isHead: boolean;
  /** Whether the body may never end. Then `send` does not wait for its end. */
  mayStream: boolean;
  /** Whether the request is incomplete, so that the connection must be half-closed after it. */
  isIncomplete: boolean;
}

/** Long enough for a machine that is busy with other work. */
const TIMEOUT_MS = 60_000;
const HEAD_END = "\r\n\r\n";

/**
 * A connection that is kept, and opened again if the server has closed it. It sends bytes as they are, because Node's own
 * clients refuse or correct the most interesting requests.
 */
export class Connection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | null = null;

  constructor({ hostname, port }: URL) {
    this.#host = hostname;
    this.#port = Number(port);
  }

  async send(wire: Buffer, options: Options): Promise<Exchange> {
    const isReused = this.#socket !== null;
    const exchange = await this.#exchange(wire, options);
    // If a server closes a connection just when it is used again, it has not read the request.
    return !exchange.ok && exchange.fault === "no answer" && isReused ? this.#exchange(wire, options) : exchange;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #exchange(wire: Buffer, options: Options): Promise<Exchange> {
    this.#socket ??= connect({ host: this.#host, port: this.#port, noDelay: true });
    const socket = this.#socket;
    const reader = new AnswerReader(options);
    return new Promise<Exchange>((resolve) => {
      const done = (exchange: Exchange, isKept = false) => {
        clearTimeout(timer);
        socket.removeAllListeners();
        // Errors that occur between two requests are found by the next request.
        socket.on("error", () => {});
        if (!isKept) this.close();
        resolve(exchange);
      };
      const ended = () => done(reader.end());
      const timer = setTimeout(() => done({ ok: false, fault: "too late" }), TIMEOUT_MS);
      socket.on("data", (chunk: Buffer) => {
        const exchange = reader.take(chunk);
        if (exchange) done(exchange, reader.isKept && !options.isIncomplete);
      });
      socket.on("error", ended);
      socket.on("close", ended);
      if (options.isIncomplete) socket.end(wire);
      else socket.write(wire);
    });
  }
}

/** Reads an answer from the pieces that arrive. */
class AnswerReader {
  readonly #options: Options;
  #received: Buffer = Buffer.alloc(0);
  #head: { status: number; headers: Map<string, string>; at: number } | null = null;
  /** Whether the connection can be used again. */
  isKept = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The answer as soon as it is complete. */
  take(chunk: Buffer): Exchange | null {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (!this.#head) {
      const end = this.#received.indexOf(HEAD_END);
      if (end < 0) return null;
      const head = parseHead(this.#received.toString("latin1", 0, end));
      if (!head) return { ok: false, fault: "not HTTP" };
      const at = end + HEAD_END.length;
      if (head.status === 100) this.#received = this.#received.subarray(at);
      else this.#head = { ...head, at };
    }
    return this.#whole(this.#head);
  }

  /** The answer when no more data arrives. */
  end(): Exchange {
    if (!this.#head) return { ok: false, fault: this.#received.length === 0 ? "no answer" : "cut off" };
    const { headers, at } = this.#head;
    if (headers.has("content-length") || headers.has("transfer-encoding")) return { ok: false, fault: "cut off" };
    return this.#answer(this.#received.subarray(at));
  }

  #whole({ status, headers, at }: { status: number; headers: Map<string, string>; at: number }): Exchange | null {
    const rest = this.#received.subarray(at);
    if (status === 101) return this.#answer(Buffer.alloc(0), true);
    if (this.#options.isHead || status === 204 || status === 304) return this.#kept(Buffer.alloc(0), rest.length === 0);
    const length = headers.get("content-length");
    if (length !== undefined) {
      const bytes = Number(length);
      return rest.length < bytes ? null : this.#kept(rest.subarray(0, bytes), rest.length === bytes);
    }
    if (headers.get("transfer-encoding") !== "chunked") return null;
    if (this.#options.mayStream && status === 200) return this.#answer(Buffer.alloc(0), true);
    // This check is quick, so that an incomplete answer is not parsed again with each piece.
    if (!rest.subarray(-5).equals(Buffer.from("0\r\n\r\n"))) return null;
    const body = dechunked(rest);
    return body && this.#kept(body, true);
  }

  #kept(body: Buffer, isAll: boolean): Exchange {
    this.isKept = isAll && this.#head!.headers.get("connection")?.toLowerCase() !== "close";
    return this.#answer(body);
  }

  #answer(body: Buffer, isStream = false): Exchange {
    const { status, headers } = this.#head!;
    return { ok: true, answer: { status, headers, body, isStream } };
  }
}

function parseHead(text: string): { status: number; headers: Map<string, string> } | null {
  const [first, ...lines] = text.split("\r\n");
  const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(first!) ?? [];
  if (!status) return null;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(status), headers };
}

/** Joins the chunks of a body. Null if its end has not arrived yet. */
function dechunked(sent: Buffer): Buffer | null {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const line = sent.indexOf("\r\n", at);
    if (line < 0) return null;
    const size = parseInt(sent.toString("latin1", at, line), 16);
    if (size === 0) return Buffer.concat(parts);
    at = line + 2 + size + 2;
    if (at > sent.length) return null;
    parts.push(sent.subarray(line + 2, line + 2 + size));
  }
}
