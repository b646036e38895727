import { gzipSync } from "node:zlib";
import { SDK_REQUESTS } from "../fixtures/sdk-requests.ts";
import type { Dice } from "./random.ts";

/** A request that a client could send, and the user whom it names, should it name one. */
export interface FuzzRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | string;
  userId: string;
}

/** What no answer may repeat: texts that stand in values and keys only. */
export const SECRET_VALUE = "zq-secret-value";
export const SECRET_KEY = "zq-secret-key";

/** What works for seconds is asked for now and then only. */
const COSTLY = new Set(["/rebuild", "/archive/run"]);

const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"];
const HEADERS = [
  "Content-Type",
  "Content-Encoding",
  "Accept",
  "Origin",
  "X-Api-Key",
  "Range",
  "If-None-Match",
  "Cookie",
];
const HEADER_VALUES = [
  "application/json",
  "text/plain",
  "application/x-ndjson",
  "application/x-www-form-urlencoded",
  "gzip",
  "deflate",
  "br",
  "*/*",
  "bytes=0-1",
  "https://shop.example",
  "null",
  SECRET_KEY,
  "",
  "x".repeat(2_000),
];
const VALUES: unknown[] = [
  null,
  true,
  -1,
  0,
  1e308,
  2 ** 53,
  "",
  " ",
  SECRET_VALUE,
  "\0",
  "\ud800",
  "undefined",
  "__proto__",
  "2026-02-30",
  "99999-01-01T00:00:00Z",
  "é".repeat(300),
  [],
  {},
  [[[[[]]]]],
  { constructor: 1 },
];

/** Makes requests out of a description's routes and examples, out of what real SDKs send, and out of nothing. */
export class RequestMaker {
  readonly #dice: Dice;
  readonly #paths: string[];
  readonly #bodies: unknown[];
  #count = 0;

  /** @param description the deployment's OpenAPI document */
  constructor(dice: Dice, description: { paths: Record<string, unknown> }) {
    this.#dice = dice;
    this.#paths = Object.keys(description.paths);
    this.#bodies = [...examplesIn(description), ...SDK_REQUESTS.map(({ body }) => body)];
  }

  next(): FuzzRequest {
    const dice = this.#dice;
    const userId = `fuzz-${this.#count++}`;
    const path = dice.hits(0.95) ? this.#path(userId) : `/${this.#text().replaceAll(/[^\w%/.-]/g, "")}`;
    const method = dice.hits(0.8) ? "POST" : dice.one(METHODS);
    const headers: Record<string, string> = {};
    for (let count = dice.below(4); count > 0; count--) headers[dice.one(HEADERS)] = dice.one(HEADER_VALUES);
    if (dice.hits(0.2)) headers["Authorization"] = `${dice.one(["Bearer", "Basic", ""])} ${SECRET_KEY}`;
    if (method === "GET" || method === "HEAD") return { method, path: this.#withQuery(path), headers, userId };
    return { method, path: this.#withQuery(path), headers, body: this.#body(userId), userId };
  }

  #path(userId: string): string {
    let path = this.#dice.one(this.#paths);
    while (COSTLY.has(path) && !this.#dice.hits(0.01)) path = this.#dice.one(this.#paths);
    return path.replaceAll(/\{\w+\}/g, () => (this.#dice.hits(0.8) ? userId : encodeURIComponent(this.#text())));
  }

  #withQuery(path: string): string {
    if (!this.#dice.hits(0.2)) return path;
    const names = ["after", "limit", "from", "to", "event", "user_id", "order", "cursor", "database", "writeKey", "x"];
    const value = encodeURIComponent(this.#dice.one(["", "1", "-1", "1e9", "desc", "DB", SECRET_VALUE, "eyJhIjoxfQ"]));
    return `${path}?${this.#dice.one(names)}=${value}`;
  }

  #body(userId: string): Uint8Array<ArrayBuffer> | string {
    const dice = this.#dice;
    if (dice.hits(0.1)) return dice.bytes(dice.below(300));
    const mutated = this.#mutated(structuredClone(dice.one(this.#bodies)), userId);
    let text = JSON.stringify(mutated) ?? "";
    if (dice.hits(0.15)) text = this.#damaged(text);
    if (dice.hits(0.05)) text = Array.from({ length: dice.below(5) }, () => text).join("\n");
    if (dice.hits(0.02)) text = "[".repeat(dice.below(5_000)) + text;
    if (dice.hits(0.01)) text = text.padEnd(dice.below(1_200_000));
    return dice.hits(0.05) ? new Uint8Array(gzipSync(text)) : text;
  }

  /** Changes a few places of a body, and gives its events to a user of their own. */
  #mutated(body: unknown, userId: string): unknown {
    const dice = this.#dice;
    const visit = (value: unknown, name: string): unknown => {
      if (/^(user_?id|anonymous_?id)$/i.test(name) && dice.hits(0.9)) return userId;
      if (dice.hits(0.04)) return dice.one(VALUES);
      if (Array.isArray(value)) return value.map((item) => visit(item, ""));
      if (typeof value !== "object" || value === null) return value;
      const entries = Object.entries(value).filter(() => !dice.hits(0.03));
      if (dice.hits(0.05))
        entries.push([dice.one(["extra", "__proto__", "userId", "type", "timestamp"]), dice.one(VALUES)]);
      return Object.fromEntries(entries.map(([key, child]) => [key, visit(child, key)]));
    };
    return visit(body, "");
  }

  #damaged(text: string): string {
    const at = this.#dice.below(text.length + 1);
    const junk = this.#dice.one(["", "}", "NaN", "\\u0000", "\u0000", '"', ",", "\n", "//"]);
    return text.slice(0, at) + junk + text.slice(at + this.#dice.below(3));
  }

  #text(): string {
    return this.#dice.one(["", ".", "..", "%", "%00", "%E0%A4%A", "a/b", SECRET_VALUE, "u".repeat(300), "user", "é"]);
  }
}

/** Every body that a description shows. */
function examplesIn(node: unknown): unknown[] {
  if (typeof node !== "object" || node === null) return [];
  const own = "requestBody" in node ? bodiesOf(node.requestBody) : [];
  return [...own, ...Object.values(node).flatMap(examplesIn)];
}

function bodiesOf(requestBody: unknown): unknown[] {
  const { content = {} } = requestBody as {
    content?: Record<string, { examples?: Record<string, { value: unknown }> }>;
  };
  return Object.values(content).flatMap(({ examples = {} }) => Object.values(examples).map(({ value }) => value));
}
