import { DEFAULT_RATE_LIMIT_BURST_EVENTS, DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND, MIN_RETENTION_DAYS } from "./limits.ts";
import { logFailure } from "./log-failure.ts";

// Parses every variable of wrangler.toml's [vars] once. An unreadable value does not stop requests: a safe fallback is
// used, one log line says so, and /health names it to a read key. Only JURISDICTION has no safe fallback.

type SettingName = (typeof NAMES)[number];

type Enrichment = (typeof ENRICHMENTS)[number];

interface Settings {
  /** Whether requests without a key pass if no key is configured. */
  isOpen: boolean;
  /** Origins as browsers send them; null allows every origin. */
  allowedOrigins: ReadonlySet<string> | null;
  /** The limit for one user: events at once, and events a second in the long run. */
  userRateLimit: { burst: number; perSecond: number };
  /** Days after which events are refused, and deleted everywhere; null keeps them. */
  retentionDays: number | null;
  /** Databases that take no new events. */
  closedDatabases: ReadonlySet<string>;
  /** Days after which events leave D1, for the archive if there is one; null keeps them in D1. */
  d1Days: number | null;
  /** The jurisdiction of all objects. Null means none; "unreadable" means that no object may be opened. */
  jurisdiction: DurableObjectJurisdiction | null | "unreadable";
  /** Where new objects are created; null creates each near its first caller. */
  location: DurableObjectLocationHint | null;
  /** How many writer objects each database has. */
  d1WriterLanes: number;
  enrich: ReadonlySet<Enrichment>;
  /** Whether the bodies of rejected events are kept, with their user ids. */
  keepsRejectedBodies: boolean;
  /** For each unreadable variable, what is wrong and what is used instead. */
  faults: Partial<Record<SettingName, string>>;
}

type Vars = Partial<Pick<Env, SettingName>>;

/** The parsed value of a variable, or its fallback and the fault. */
interface Parsed<T> {
  value: T;
  fault?: string;
}

const NAMES = [
  "OPEN",
  "ALLOWED_ORIGINS",
  "RATE_LIMIT_BURST_EVENTS",
  "RATE_LIMIT_EVENTS_PER_SECOND",
  "RETENTION_DAYS",
  "CLOSED_DATABASES",
  "D1_DAYS",
  "JURISDICTION",
  "LOCATION",
  "D1_WRITER_LANES",
  "ENRICH",
  "KEEP_REJECTED_BODIES",
] as const;

// developers.cloudflare.com/durable-objects/reference/data-location
const JURISDICTIONS = ["eu", "fedramp", "us"] as const;
const LOCATIONS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;

const ENRICHMENTS = ["geo", "device"] as const;

/** Keyed by the texts of all variables, which do not change while an isolate lives. */
const known = new Map<string, Settings>();
const logged = new Set<string>();

/** The settings of this deployment. Never throws. Each faulty value is logged once in an isolate's life. */
export function settingsOf(env: Vars): Settings {
  const texts = NAMES.map((name) => env[name] ?? "").join("\n");
  let settings = known.get(texts);
  if (!settings) {
    settings = parseSettings(env);
    known.set(texts, settings);
    for (const name of NAMES) logOnce(name, env[name], settings.faults[name]);
  }
  return settings;
}

function parseSettings(env: Vars): Settings {
  const faults: Settings["faults"] = {};
  const read = <T>(name: SettingName, parse: (text: string) => Parsed<T>): T => {
    const { value, fault } = parse((env[name] ?? "").trim());
    if (fault !== undefined) faults[name] = fault;
    return value;
  };
  return {
    isOpen: read("OPEN", parseFlag),
    allowedOrigins: read("ALLOWED_ORIGINS", parseOrigins),
    userRateLimit: {
      burst: read("RATE_LIMIT_BURST_EVENTS", atLeast(1, "events", DEFAULT_RATE_LIMIT_BURST_EVENTS)),
      perSecond: read("RATE_LIMIT_EVENTS_PER_SECOND", atLeast(0, "events", DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND)),
    },
    retentionDays: read("RETENTION_DAYS", atLeast(MIN_RETENTION_DAYS, "days", null)),
    closedDatabases: read("CLOSED_DATABASES", parseDatabases),
    d1Days: read("D1_DAYS", atLeast(1, "days", null)),
    jurisdiction: read("JURISDICTION", parseJurisdiction),
    location: read("LOCATION", parseLocation),
    d1WriterLanes: Math.floor(read("D1_WRITER_LANES", atLeast(1, "writers", 1))),
    enrich: read("ENRICH", parseEnrich),
    keepsRejectedBodies: read("KEEP_REJECTED_BODIES", parseFlag),
    faults,
  };
}

function parseFlag(text: string): Parsed<boolean> {
  if (text === "true") return { value: true };
  if (text === "" || text === "false") return { value: false };
  return { value: false, fault: `is ${quoted(text)}: must be "true" or "false". It counts as "false"` };
}

/** A list without a readable entry lets no page in, rather than every page, because its author wanted a limit. */
function parseOrigins(text: string): Parsed<ReadonlySet<string> | null> {
  const entries = listOf(text);
  if (entries.length === 0) return { value: null };
  const origins = entries.map((entry) => (entry === "*" ? "*" : originOf(entry)));
  const bad = entries.filter((_, index) => origins[index] === null);
  return {
    value: origins.includes("*") ? null : new Set(origins.filter((origin) => origin !== null)),
    ...(bad.length > 0 && {
      fault: `holds ${bad.map(quoted).join(", ")}: an origin is of the form https://shop.example, without a path or wildcard. Such an entry lets no page in`,
    }),
  };
}

/**
 * An origin as a browser writes it, or null if it is none. A list may also have capitals, a slash at the end, the
 * default port and letters outside ASCII. Apps have schemes of their own (`capacitor://localhost`), and "null" is what
 * sandboxed pages, files and some redirects send.
 */
function originOf(entry: string): string | null {
  const text = entry.toLowerCase().replace(/\/$/, "");
  if (text === "null") return text;
  if (!/^[a-z][a-z\d+.-]*:\/\/[^\s/?#@*\\]+$/.test(text)) return null;
  if (!/^https?:/.test(text)) return text;
  return URL.parse(text)?.origin ?? null;
}

/** @param min the smallest allowed number; if it is 0, the number must be above it */
function atLeast<Fallback>(min: number, unit: string, fallback: Fallback) {
  return (text: string): Parsed<number | Fallback> => {
    if (text === "") return { value: fallback };
    const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (number > 0 && number >= min && Number.isFinite(number)) return { value: number };
    const bound = min === 0 ? "above 0" : `of at least ${min}`;
    const instead = fallback === null ? "Nothing is done" : `It counts as ${String(fallback)}`;
    return {
      value: fallback,
      fault: `is ${quoted(text)}: must be a number of ${unit} ${bound}, as in "30". ${instead}`,
    };
  };
}

/** Has no fallback: data written outside the intended jurisdiction would stay there. */
function parseJurisdiction(text: string): Parsed<Settings["jurisdiction"]> {
  const found = JURISDICTIONS.find((jurisdiction) => jurisdiction === text.toLowerCase());
  if (found !== undefined || text === "") return { value: found ?? null };
  const fault = `is ${quoted(text)}: must be one of ${JURISDICTIONS.join(", ")}. Until then nothing is stored or read`;
  return { value: "unreadable", fault };
}

function parseLocation(text: string): Parsed<DurableObjectLocationHint | null> {
  const found = LOCATIONS.find((location) => location === text.toLowerCase());
  if (found !== undefined || text === "") return { value: found ?? null };
  return { value: null, fault: `is ${quoted(text)}: must be one of ${LOCATIONS.join(", ")}. It is ignored` };
}

function parseDatabases(text: string): Parsed<ReadonlySet<string>> {
  const entries = listOf(text);
  const bad = entries.filter((entry) => !/^DB(_\d+)?$/.test(entry));
  return {
    value: new Set(entries),
    ...(bad.length > 0 && { fault: `holds ${bad.map(quoted).join(", ")}: a database is named as in "DB,DB_1"` }),
  };
}

function parseEnrich(text: string): Parsed<ReadonlySet<Enrichment>> {
  const entries = listOf(text).map((entry) => entry.toLowerCase());
  const bad = entries.filter((entry) => !isEnrichment(entry));
  const list = ENRICHMENTS.map(quoted).join(" and ");
  return {
    value: new Set(entries.filter(isEnrichment)),
    ...(bad.length > 0 && { fault: `holds ${bad.map(quoted).join(", ")}: known are ${list}. The others are ignored` }),
  };
}

function isEnrichment(text: string): text is Enrichment {
  return (ENRICHMENTS as readonly string[]).includes(text);
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

/** Variables are not secret, but a long one would clutter the log. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}

function logOnce(name: SettingName, value: string | undefined, fault: string | undefined): void {
  const line = `${name}=${value}`;
  if (fault === undefined || logged.has(line)) return;
  logged.add(line);
  logFailure("malformed_setting", fault, { setting: name });
}
