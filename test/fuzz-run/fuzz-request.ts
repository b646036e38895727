/** A request that is sent as it is, byte for byte. In texts of the head, each character is one byte. */
export interface FuzzRequest {
  /** Its number in the run. Together with the seed it makes the request again. */
  index: number;
  method: string;
  target: string;
  headers: readonly (readonly [name: string, value: string])[];
  body: Buffer | null;
  /** "cut" announces more bytes than it sends. */
  framing: "length" | "chunked" | "cut";
  /** Whether the marks of its events have each event's place in the batch. */
  isMarkedByEvent: boolean;
}

const CHUNK_BYTES = 1_000;

/** The bytes of a request. */
export function wireOf({ method, target, headers, body, framing }: FuzzRequest): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`, "Host: tracklog.test"];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  if (body && framing === "chunked") lines.push("Transfer-Encoding: chunked");
  else if (body) lines.push(`Content-Length: ${body.length + (framing === "cut" ? 10 : 0)}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  if (!body) return head;
  return Buffer.concat([head, framing === "chunked" ? chunked(body) : body]);
}

/** A `curl` command that sends a request again. */
export function curlOf(origin: string, { method, target, headers, body, framing }: FuzzRequest): string {
  const parts = ["curl -sS -i --path-as-is", `-X ${quoted(method)}`, quoted(`${origin}${target}`)];
  for (const [name, value] of headers) parts.push(`-H ${quoted(value === "" ? `${name};` : `${name}: ${value}`)}`);
  if (framing === "chunked") parts.push("-H 'Transfer-Encoding: chunked'");
  if (!body) return parts.join(" ");
  if (!headers.some(([name]) => name.toLowerCase() === "content-type")) parts.push("-H 'Content-Type:'");
  const text = body.toString("utf8");
  const isText = /^[\P{C}\n\t]*$/u.test(text) && !text.includes("\ufffd") && text.length <= 2_000;
  if (isText) return [...parts, `--data-binary ${quoted(text)}`].join(" ");
  return `echo ${body.toString("base64")} | base64 -d | ${[...parts, "--data-binary @-"].join(" ")}`;
}

function chunked(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += CHUNK_BYTES) {
    const chunk = body.subarray(at, at + CHUNK_BYTES);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** Quotes a text as one word of bash. */
function quoted(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll("'", "\\'").replaceAll('\\"', '"');
  return `$'${escaped}'`;
}
