import { connect, type Socket } from "node:net";

/** An answer as it came. What a server sends besides, such as reasons, is left out. */
export interface Answer {
  status: number;
  /** By name in lower case. */
  headers: Map<string, string>;
  body: Buffer;
  /** Whether the body goes on for ever, and only its beginning is here. */
  isStream: boolean;
}

export type Exchange =
  | { ok: true; answer: Answer }
  | { ok: false; fault: "no answer" | "too late" | "cut off" | "not HTTP" };

interface Options {
  /** Whether the answer has no body whatever its headers say. */
  isHead: boolean;
  /** Whether the body may go on for ever. It is then not waited for. */
  mayStream: boolean;
  /** Whether the request lacks its end, so that the server has to be told that nothing more comes. */
  isIncomplete: boolean;
}

/** Long enough for a machine that is busy with other things. */
const TIMEOUT_MS = 60_000;
const HEAD_END = "\r\n\r\n";

/**
 * A connection that is kept and made anew where the server has closed it. It sends bytes as they are: Node's own
 * clients refuse or mend the most interesting ones.
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
    // A server may close a connection just as it is used again, and then has not seen the request.
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
        // Errors that come when nobody waits any more are the next request's to find.
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

/** Reads an answer from what arrives, piece by piece. */
class AnswerReader {
  readonly #options: Options;
  #received: Buffer = Buffer.alloc(0);
  #head: { status: number; headers: Map<string, string>; at: number } | null = null;
  /** Whether the connection can be used again. */
  isKept = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The answer, once it is whole. */
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

  /** What there is when nothing more comes. */
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
    // Quick to look at: an answer that is not whole yet must not be taken apart with each of its pieces.
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

/** A chunked body put together, or null if its end is not here yet. */
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
