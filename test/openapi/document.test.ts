import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { app } from "../../src/app.ts";
import { openapiDocument } from "../../src/openapi/document.ts";
import { type Answer, newUser, requestWith } from "../tracklog.ts";
import { archivedName, GIVEN } from "./given.ts";

const ORIGIN = "https://tracklog.example.com";

/** Fields whose values differ from run to run. They are compared by their type. */
const VARYING = new Set(["request_id", "received_at", "pending", "ticket", "expires_at"]);
/** The position in the feed is that of the database, so the feed's cursors vary; a timeline's do not. */
const VARYING_OF_FEED = new Set([...VARYING, "next_cursor", "cursor", "generation"]);
/** Other examples have written to the same database. */
const VARYING_OF_HEALTH = new Set([
  ...VARYING,
  ..."last_write size_bytes size_share incarnation last_run last_success".split(" "),
  ..."archived_files archived_rows archived_bytes".split(" "),
]);
/** What the other examples have left behind counts here, too. */
const VARYING_OF_ARCHIVE = new Set([...VARYING, "version", "name", "rows", "bytes", "text_bytes", "etag", "removed"]);
const VARYING_OF_REBUILD = new Set([...VARYING, "started_at", "erasures", "users", "total_users", "events"]);
const VARYING_OF_ERASURES = new Set([...VARYING, "erased_at", "stage"]);
const VARYING_OF: Record<string, Set<string>> = {
  feed: VARYING_OF_FEED,
  health: VARYING_OF_HEALTH,
  archiveManifest: VARYING_OF_ARCHIVE,
  runArchive: VARYING_OF_ARCHIVE,
  rebuild: VARYING_OF_REBUILD,
  eraseUser: VARYING_OF_ERASURES,
  erasure: VARYING_OF_ERASURES,
  // What the other examples have left there.
  databases: new Set([...VARYING, "databases"]),
};

/** The published document, loosely typed. */
const document: Answer = JSON.parse(JSON.stringify(openapiDocument())) as Answer;

interface Case {
  operationId: string;
  name: string;
  status: number;
  mediaType: string;
  headers: string[];
  request: { method: string; path: string; headers: Record<string, string>; body?: unknown; repeat?: Repeat };
  after: string[];
  answer: unknown;
}

interface Repeat {
  text: string;
  times: number;
}

function casesOf(operationId: string, method: string, path: string, operation: Answer): Case[] {
  const bodies: Record<string, { mediaType: string; value: unknown }> = {};
  for (const [mediaType, { examples = {} }] of Object.entries<Answer>(operation["requestBody"]?.content ?? {}))
    for (const [name, { value }] of Object.entries<Answer>(examples)) bodies[name] = { mediaType, value };

  const cases: Case[] = [];
  for (const [status, response] of Object.entries<Answer>(operation["responses"])) {
    const { content, headers = {} } = resolve(response);
    for (const [mediaType, { examples = {} }] of Object.entries<Answer>(content))
      for (const [name, example] of Object.entries<Answer>(examples)) {
        const { value, ...extensions } = resolve(example);
        const { "x-request": request = {}, "x-after": after = [] } = extensions;
        const sent = bodies[name] ?? Object.values(bodies)[0];
        cases.push({
          operationId,
          name,
          status: Number(status),
          mediaType,
          headers: Object.keys(headers),
          request: {
            method: method.toUpperCase(),
            path: path.replace("{user_id}", "user123").replace("{key}", "k1"),
            body: sent?.value,
            ...request,
            headers: { ...(sent && { "Content-Type": sent.mediaType }), ...request.headers },
          },
          after,
          answer: value,
        });
      }
  }
  return cases;
}

/** Resolves a reference within the document. */
function resolve(thing: Answer): Answer {
  const [, , kind, name] = (thing["$ref"] as string | undefined)?.split("/") ?? [];
  return kind && name ? document["components"][kind][name] : thing;
}

const OPERATIONS = Object.entries<Answer>(document["paths"]).flatMap(([path, item]) =>
  Object.entries<Answer>(item).map(([method, operation]) => ({ method, path, operation })),
);
const CASES = [
  ...OPERATIONS.flatMap(({ method, path, operation }) => casesOf(operation["operationId"], method, path, operation)),
  ...["UnknownPath", "UnknownMethod"].flatMap((name) => {
    const response = document["components"].responses[name] as Answer;
    const status = (Object.values<Answer>(response["content"])[0]!["examples"].example as Answer)["value"].status;
    return casesOf(name, "get", "/", { responses: { [status]: response } });
  }),
];
/** The other paths of an operation, each as the router has it. */
const ALIASES = OPERATIONS.flatMap(({ method, path, operation }) =>
  ((operation["x-aliases"] ?? []) as string[]).map((alias) => ({ method: method.toUpperCase(), path, alias })),
);

/** The handlers that a request passes, including middleware. */
function handlersOf(method: string, path: string) {
  return app.router.match(method, path)[0].map(([[handler]]) => handler);
}

async function run({ request, name }: Case, user: string) {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const settings = (await GIVEN[name]?.(user)) ?? {};
  const { method, headers, body, repeat } = request;
  const path = request.path.includes("{name}") ? request.path.replace("{name}", await archivedName()) : request.path;
  const sent = repeat ? repeat.text.repeat(repeat.times) : typeof body === "string" ? body : JSON.stringify(body);
  const key = name === "key_rate_limited" ? { "x-api-key": "k1" } : {};
  const init = { method, headers: { ...headers, ...key }, ...(method === "POST" && { body: renamed(sent, user) }) };
  const response = await app.request(ORIGIN + renamed(path, user), init, { ...env, ...settings });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The user of the examples becomes one that no other example has. */
function renamed(text: string, user: string): string {
  return text?.replaceAll("user123", user);
}

function parsed(text: string, mediaType: string): unknown {
  if (mediaType === "application/vnd.apache.parquet") return text;
  if (mediaType.startsWith("text/plain")) return linesWithoutNumbers(text);
  if (mediaType === "text/csv") return text;
  return mediaType === "application/x-ndjson"
    ? text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown)
    : JSON.parse(text);
}

/** The lines of Prometheus' format without their values, which depend on the examples before. */
function linesWithoutNumbers(text: string): string[] {
  return text.split("\n").map((line) => (line.startsWith("#") ? line : line.replace(/ \S+$/, "")));
}

/** Replaces varying values by their type. Omits whether an erasure is done yet. */
function comparable(value: unknown, varying: Set<string>): unknown {
  const replacer = (key: string, field: unknown) => {
    if (key === "done_at") return undefined;
    return varying.has(key) && field !== null ? typeof field : field;
  };
  return JSON.parse(JSON.stringify(value, replacer));
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("every documented example", () => {
  // Without the lines of /live, which never end: test/live has them.
  it.for(CASES.filter(({ operationId, status }) => operationId !== "live" || status !== 200))(
    "$operationId: $status $name",
    async (example, { expect }) => {
      const user = newUser();
      for (const id of example.after) {
        const earlier = CASES.find(({ operationId, name }) => id === `${operationId}/${name}`);
        expect((await run(earlier!, user)).status).toBe(200);
      }
      const { operationId, mediaType, answer, headers } = example;
      const varying = VARYING_OF[operationId] ?? VARYING;
      const documented = typeof answer === "string" ? parsed(answer, mediaType) : answer;
      const expected = comparable(JSON.parse(renamed(JSON.stringify(documented), user)), varying);
      const compare = async () => {
        const response = await run(example, user);
        expect(response.status).toBe(example.status);
        expect(response.headers.get("Content-Type")).toBe(mediaType);
        for (const header of headers) expect(response.headers.get(header)).not.toBeNull();
        expect(comparable(parsed(response.text, mediaType), varying)).toEqual(expected);
      };
      // D1 gets an event a moment after its user's log.
      await (["feed", "health", "metrics"].includes(operationId)
        ? vi.waitFor(compare, { timeout: 10_000, interval: 200 })
        : compare());
    },
  );
});

describe("GET /openapi.json", () => {
  it("documents every route, and no other", ({ expect }) => {
    const routes = app.routes.filter(({ method }) => method !== "ALL");
    const registered = new Set(
      routes.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}").replace("/*", "/{name}")}`),
    );
    const documented = [
      ...OPERATIONS.map(({ method, path }) => `${method.toUpperCase()} ${path}`),
      ...ALIASES.map(({ method, alias }) => `${method} ${alias}`),
    ];
    expect(documented.sort()).toEqual([...registered].sort());
  });

  // So every example of an operation holds for its aliases, and is sent to none of them again.
  it("lists as an operation's aliases the paths with the same handlers, also in its description", ({ expect }) => {
    expect(ALIASES.length).toBeGreaterThan(0);
    for (const { method, path, alias } of ALIASES) {
      const own = handlersOf(method, path);
      const others = handlersOf(method, alias);
      expect(others.length, alias).toBe(own.length);
      expect(
        others.every((handler, i) => handler === own[i]),
        alias,
      ).toBe(true);
      expect(document["paths"][path][method.toLowerCase()].description).toContain(`\`${alias}\``);
    }
  });

  it("has aliases that answer as their operation does", async ({ expect }) => {
    for (const { path, method, alias } of ALIASES) {
      const first = CASES.find(({ request }) => request.path === path && request.method === method)!;
      const [there, here] = [newUser(), newUser()];
      const documented = await run(first, there);
      const answered = await run({ ...first, request: { ...first.request, path: alias } }, here);
      expect([answered.status, answered.text], alias).toEqual([200, documented.text.replaceAll(there, here)]);
    }
  });

  it("has a unique id for each operation", ({ expect }) => {
    const ids = OPERATIONS.map(({ operation }) => operation["operationId"] as string);
    expect(ids).toEqual([...new Set(ids)]);
  });

  it("names the one kind of key that an operation needs, by which a page picks the right one", ({ expect }) => {
    const { securitySchemes } = document["components"];
    expect(securitySchemes).toMatchObject({
      writeKey: { type: "http", scheme: "bearer" },
      readKey: { type: "http", scheme: "bearer" },
    });
    for (const { method, path, operation } of OPERATIONS) {
      const problems = Object.values<Answer>(operation["responses"]).flatMap((response) =>
        Object.values<Answer>(resolve(response)["content"]).flatMap(({ examples }) => Object.keys(examples)),
      );
      const kinds = ["write", "read"].filter((kind) => problems.includes(`no_${kind}_key`));
      // The key in the path is no header's.
      const expected = path.includes("{key}") ? [] : kinds.map((kind) => ({ [`${kind}Key`]: [] }));
      expect(operation["security"], `${method} ${path}`).toEqual(expected);
    }
  });

  it("lists Tracklog's own routes before Segment's, which are marked to be folded", ({ expect }) => {
    const tags = document["tags"] as Answer[];
    expect([tags[0]!["name"], tags.at(-1)!["name"]]).toEqual(["Tracking", "Segment's protocol"]);
    expect(tags.filter((tag) => tag["x-folded"]).map(({ name }) => name)).toEqual(["Segment's protocol"]);
  });

  it("has an example of every answer except itself and a whole file", ({ expect }) => {
    const without = OPERATIONS.filter(({ operation }) =>
      Object.values<Answer>(operation["responses"]).some((response) =>
        Object.values<Answer>(resolve(response)["content"]).some(({ examples }) => Object.keys(examples).length === 0),
      ),
    );
    expect(without.map(({ path }) => path)).toEqual(["/archive/objects/{name}", "/openapi.json"]);
  });

  it("needs no key, and is JSON", async ({ expect }) => {
    const { status, headers, body } = await requestWith({ OPEN: "false" }, "/openapi.json");
    expect(status).toBe(200);
    expect(headers.get("Content-Type")).toBe("application/json");
    expect(body).toEqual(document);
  });

  it("has the contract's own bounds", ({ expect }) => {
    const { Event } = document["components"].schemas;
    expect(Event).toMatchObject({
      type: "object",
      additionalProperties: false,
      required: ["user_id", "properties", "timestamp"],
      anyOf: [{ required: ["event"] }, { required: ["event_name"] }],
      properties: {
        event: { type: "string", minLength: 1, maxLength: 200 },
        event_name: { type: "string", minLength: 1, maxLength: 200 },
        user_id: { type: "string", minLength: 1, maxLength: 256 },
        message_id: { anyOf: [{ type: "string", minLength: 1, maxLength: 128 }, { type: "null" }] },
        properties: { type: "object", properties: { email: { type: ["string", "null"] } } },
        timestamp: { anyOf: [{ type: "string" }, { type: "number" }] },
        context: { type: "object", default: {} },
      },
    });
  });
});
