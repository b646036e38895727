import { type Description, type Parameter, type Route, routesOf } from "./description.ts";
import { BodyMaker, type MadeBody, userIdFor } from "./body-maker.ts";
import { encoded } from "./encoded.ts";
import type { FuzzRequest } from "./fuzz-request.ts";
import { markOf, NO_EVENT, READ_KEYS, refusedKeyOf, WRITE_KEYS } from "./marks.ts";
import { Dice } from "./random.ts";
import { sampleOf } from "./sample-of.ts";

/** How often routes are used, relative to 1. Routes that read or delete much are rare. */
const WEIGHTS: [pattern: RegExp, weight: number][] = [
  [/^POST \/(rebuild|archive\/run)/, 0.001],
  [/^GET \/events/, 0.02],
  [/^GET \/(stats|rejections|metrics|live|openapi)/, 0.04],
  [/^(GET|DELETE) .*\/(export|erasure)$/, 0.03],
  [/^DELETE \/users/, 0.1],
  [/^PUT /, 0.05],
  [/^POST \/track/, 8],
  [/^POST \/v1\/batch/, 2],
];

const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "QUERY", "PROPFIND", "post", "G\u00cbT"];
const HEADERS = [
  "Content-Type",
  "Content-Encoding",
  "Accept",
  "Accept-Encoding",
  "Origin",
  "X-Request-Id",
  "Range",
  "If-None-Match",
  "If-Range",
  "Cookie",
  "Access-Control-Request-Method",
  "Access-Control-Request-Headers",
  "X-Forwarded-For",
  "X-HTTP-Method-Override",
  "CF-Connecting-IP",
  "Content-Length",
  "Expect",
  "Upgrade",
  "Authorization",
  "SentAt",
  "AnonymousId",
];
const HEADER_VALUES = [
  "application/json",
  "application/json; charset=utf-16",
  "text/plain",
  "text/html",
  "application/x-ndjson",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "gzip",
  "gzip, gzip",
  "br",
  "identity",
  "*/*",
  "bytes=0-1",
  "bytes=5-1,,-",
  "https://shop.example",
  "https://elsewhere.example",
  "null",
  "100-continue",
  "websocket",
  "POST",
  "",
  "0",
  "x".repeat(2_000),
  "\u00e9\u00ff",
  "a\tb",
  '"quoted", W/"etag"',
];
const SEGMENTS = [
  ".",
  "..",
  "%",
  "%00",
  "%E0%A4%A",
  "%2F",
  "%2e%2e",
  "a/b",
  "a%2Fb",
  "u".repeat(300),
  "\u00e9",
  "%F0%9F%98%80",
  "undefined",
  "__proto__",
  "a;b=c",
  "a b",
  "*",
  "{user_id}",
];
const QUERY_VALUES = [
  "",
  "1",
  "0",
  "-1",
  "1e9",
  "501",
  "desc",
  "DB",
  "eyJhIjoxfQ",
  "eyJEQiI6WyI4ZjBjNWU5YTZmMGI0ZDRlIiwyLDBdfQ",
  "%00",
  "%ff",
  "%",
  "2026-01-01",
  "2026-02-30",
  "1e400",
  "csv",
  "x".repeat(2_000),
];
const QUERY_NAMES = [
  "after",
  "limit",
  "from",
  "to",
  "event",
  "user_id",
  "order",
  "cursor",
  "writeKey",
  "x",
  "__proto__",
];

/** Makes a run's requests, each from its number only, so that one of them can be made again without the others. */
export class RequestMaker {
  readonly #seed: number;
  readonly #routes: { route: Route; until: number }[] = [];
  readonly #description: Description;
  #total = 0;

  constructor(seed: number, description: Description) {
    this.#seed = seed;
    this.#description = description;
    for (const route of routesOf(description)) {
      const weight = WEIGHTS.find(([pattern]) => pattern.test(`${route.method} ${route.template}`))?.[1] ?? 0.5;
      this.#routes.push({ route, until: (this.#total += weight) });
    }
  }

  make(index: number): FuzzRequest {
    const dice = new Dice(Math.imul(this.#seed ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b));
    const bodies = new BodyMaker(dice, index, this.#description.components.schemas);
    const request = dice.hits(0.3) ? this.#ofSdk(dice, index, bodies) : this.#described(dice, index, bodies);
    if (dice.hits(0.05)) request.method = dice.one(METHODS);
    if (dice.hits(0.04)) request.target = oddTarget(dice, request.target, index);
    for (let count = dice.hits(0.3) ? dice.below(4) : 0; count > 0; count--)
      request.headers.push([dice.one(HEADERS), dice.one(HEADER_VALUES)]);
    if (dice.hits(0.005)) for (let i = 0; i < 100; i++) request.headers.push([`X-${i}`, markOf(index, NO_EVENT)]);
    return withoutSecondLength(request);
  }

  #ofSdk(dice: Dice, index: number, bodies: BodyMaker): MutableRequest {
    const { request, made } = bodies.ofSdk();
    const key = dice.hits(0.95) ? dice.one(WRITE_KEYS) : refusedKeyOf(index);
    const headers = Object.entries(request.headers)
      .filter(([name]) => name !== "content-encoding")
      .map(([name, value]): [string, string] => [name, value.replace(/^Basic .*/, `Basic ${btoa(`${key}:`)}`)]);
    const text = made.text.replaceAll('"k1"', `"${key}"`);
    const isCompressed = "content-encoding" in request.headers || dice.hits(0.1);
    const target = request.path.replace("k1", key);
    return this.#withBody({ index, method: "POST", target, headers }, { ...made, text }, dice, isCompressed);
  }

  #described(dice: Dice, index: number, bodies: BodyMaker): MutableRequest {
    const at = dice.below(1e6) * (this.#total / 1e6);
    const { route } = this.#routes.find(({ until }) => at < until)!;
    const { method, template, operation } = route;
    const { parameters = [], requestBody } = operation;
    const target = targetOf(template, parameters, dice, index);
    const headers = keyHeaders(operation.security, dice, index);
    if (method === "GET" && dice.hits(0.2))
      headers.push(["Accept", dice.one(["application/x-ndjson", "text/csv", "text/html", "*/*"])]);
    const common = { index, method, target, headers };
    if (!requestBody && !dice.hits(0.1)) return { ...common, body: null, framing: "length", isMarkedByEvent: true };
    const made = this.#body(route, dice, bodies);
    if (requestBody && dice.hits(0.9)) {
      const isLines = /\n\{/.test(made.text);
      headers.push(["Content-Type", isLines ? "application/x-ndjson" : Object.keys(requestBody.content)[0]!]);
    }
    return this.#withBody(common, made, dice, dice.hits(0.1));
  }

  #body({ operation }: Route, dice: Dice, bodies: BodyMaker): MadeBody {
    if (!operation.requestBody || dice.hits(0.1)) return bodies.wild();
    const contents = Object.values(operation.requestBody.content);
    const examples = contents.flatMap((content) => Object.values(content.examples ?? {}).map(({ value }) => value));
    return bodies.described(examples, contents[0]!.schema);
  }

  #withBody(
    common: Pick<MutableRequest, "index" | "method" | "target" | "headers">,
    { text, isMarkedByEvent }: MadeBody,
    dice: Dice,
    isCompressed: boolean,
  ): MutableRequest {
    const bytes = dice.hits(0.02)
      ? dice.bytes(dice.below(300))
      : Buffer.from(text, dice.hits(0.01) ? "utf16le" : "utf8");
    const { body, encoding, isDamaged } = isCompressed
      ? encoded(bytes, dice)
      : { body: bytes, encoding: null, isDamaged: false };
    if (encoding !== null) common.headers.push(["Content-Encoding", encoding]);
    const framing = dice.hits(0.001) ? "cut" : dice.hits(0.05) ? "chunked" : "length";
    return { ...common, body, framing, isMarkedByEvent: isMarkedByEvent && !isDamaged };
  }
}

type MutableRequest = FuzzRequest & { headers: [string, string][] };

function targetOf(template: string, parameters: readonly Parameter[], dice: Dice, index: number): string {
  const mark = markOf(index, NO_EVENT);
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name) => {
    if (dice.hits(0.15)) return dice.hits(0.02) ? mark : dice.one(SEGMENTS);
    if (name === "user_id") return encodeURIComponent(userIdFor(dice, index, mark));
    return name === "key" ? dice.one(WRITE_KEYS) : dice.one(["none", "a/b.parquet", mark]);
  });
  const query = parameters
    .filter(({ in: place }) => place === "query" && dice.hits(0.3))
    .map(({ name, schema }) => {
      const value = dice.hits(0.5)
        ? encodeURIComponent(String(sampleOf(schema, {}, dice)))
        : dice.one([...QUERY_VALUES, mark]);
      return `${name}=${value}`;
    });
  if (dice.hits(0.05)) query.push(`${dice.one(QUERY_NAMES)}=${dice.one([...QUERY_VALUES, mark])}`);
  return latin1(query.length > 0 ? `${path}?${query.join("&")}` : path);
}

/** Usually a key of the kind that an operation needs. Sometimes a key of the other kind, an unknown key, or none. */
function keyHeaders(security: Record<string, unknown>[] | undefined, dice: Dice, index: number): [string, string][] {
  const [kind] = (security ?? []).flatMap((scheme) => Object.keys(scheme));
  const right = kind === "readKey" ? READ_KEYS : WRITE_KEYS;
  const wrong = kind === "readKey" ? WRITE_KEYS : READ_KEYS;
  if (kind === undefined && !dice.hits(0.2)) return [];
  const key = dice.hits(0.93)
    ? dice.one(right)
    : dice.one([refusedKeyOf(index), dice.one(wrong), `web:${dice.one(right)}`, ""]);
  switch (dice.below(8)) {
    case 0:
      return [["Authorization", `Basic ${btoa(`${key}:${dice.hits(0.2) ? refusedKeyOf(index) : ""}`)}`]];
    case 1:
      return [["X-Api-Key", key]];
    case 2:
      return dice.hits(0.1)
        ? [
            [
              "Authorization",
              dice.one([key, `Bearer  ${key} `, `bearer ${key}`, `Digest ${key}`, "Basic %%%", "Bearer"]),
            ],
          ]
        : [["Authorization", `Bearer ${key}`]];
    default:
      return [["Authorization", `Bearer ${key}`]];
  }
}

function oddTarget(dice: Dice, target: string, index: number): string {
  const [path, query = ""] = target.split("?", 2) as [string, string?];
  const odd = dice.one([
    `/${path}`,
    `${path}/`,
    `${path}//`,
    `${path}/${dice.one(SEGMENTS)}`,
    path.replace(/[^/]+$/, dice.one(SEGMENTS)),
    path.toUpperCase(),
    `${path}%20`,
    `/${markOf(index, NO_EVENT)}`,
    `${path}\\`,
    `${path}#x`,
    "/",
  ]);
  return latin1(query === "" ? odd : `${odd}?${query}`);
}

/** Removes a second length, or a length of a chunked body, because only proxies and the runtime handle these. */
function withoutSecondLength(request: MutableRequest): FuzzRequest {
  const headers = request.headers.filter(([name]) => name !== "Content-Length");
  // A server waits for the announced bytes, and does not answer before they have arrived.
  return { ...request, headers: request.body ? headers.filter(([name]) => name !== "Expect") : headers };
}

/** The bytes of a target. White space is escaped, because it would end the target. */
function latin1(target: string): string {
  return Buffer.from(target, "utf8").toString("latin1").replaceAll(/[\s]/g, "%20");
}
