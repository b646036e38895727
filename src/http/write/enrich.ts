import { parse as parseUserAgent } from "bowser";
import type { Context } from "hono";
import { isbot } from "isbot";
import type { TrackedEvent } from "../../event/contract.ts";
import { isJsonObject, type JsonObject } from "../../event/json.ts";
import type { ParsedEvent } from "../../event/parse-event.ts";
import { MAX_ENRICHMENT_CHARACTERS, MAX_USER_AGENT_CHARACTERS } from "../../limits.ts";
import { settingsOf } from "../../settings.ts";
import type { AppEnv } from "../app-env.ts";

/** What an event's context says about its device, if another machine passed the event on. */
interface Origin {
  userAgent: string | undefined;
  hasAddress: boolean;
}

/**
 * Adds to a request's events what ENRICH asks for (`geo`, `device` and `bot`), to be stored beneath the client's own
 * context. The addition travels beside the event and not in it, so that it has no part in deciding whether two events
 * are the same: a retry may arrive through another location.
 *
 * - If the request does not come from a browser and the event has `context.userAgent` (Segment's SDKs set it) or
 *   `context.ip`, a server passed it on. Its device is that of the user agent. It gets no geo, since the server's place
 *   is not the user's.
 * - If neither the request nor the event has a browser's user agent, there is no device. An SDK's name is not one.
 * - A well-known crawler is marked and gets no device, because what it says about itself is not true.
 *
 * No IP address is read, here or anywhere.
 */
export function enriched(c: Context<AppEnv>): (message: ParsedEvent) => ParsedEvent {
  const { enrich } = settingsOf(c.env);
  if (enrich.size === 0) return (message) => message;
  const geo = enrich.has("geo") ? geoOf(c.req.raw.cf) : undefined;
  const header = c.req.header("user-agent");
  const browser = header !== undefined && isBrowser(header) ? header : undefined;
  const devices = new Map<string, JsonObject>();
  const deviceOf = (userAgent: string) => {
    const described = devices.get(userAgent) ?? describeDevice(userAgent);
    devices.set(userAgent, described);
    return described;
  };

  const enrichmentOf = (event: TrackedEvent): string => {
    const sent = originOf(event.context);
    const wasPassedOn = browser === undefined && (sent.userAgent !== undefined || sent.hasAddress);
    const userAgent = sent.userAgent ?? browser;
    const added = {
      ...(geo && !wasPassedOn && { geo }),
      ...(enrich.has("device") && userAgent !== undefined && deviceOf(userAgent)),
    };
    return Object.keys(added).length > 0 ? JSON.stringify(added) : "";
  };
  return (message) => {
    if (!message.ok) return message;
    const { event } = message;
    return { ok: true, event: { ...event, enrichment: enrichmentOf(event) } };
  };
}

function geoOf(cf: { [name: string]: unknown } | undefined): JsonObject | undefined {
  if (!cf) return undefined;
  const { country, region, city, timezone } = cf;
  const geo = known({ country, region, city, timezone });
  return Object.keys(geo).length > 0 ? geo : undefined;
}

/** Cuts the text first, because the parsers run regular expressions over a client's text. */
function describeDevice(userAgent: string): JsonObject {
  const text = userAgent.slice(0, MAX_USER_AGENT_CHARACTERS);
  if (isbot(text)) return { bot: true };
  const { browser, os, platform } = parseUserAgent(text);
  const device = known({ browser: browser.name, os: os.name, type: platform.type });
  return Object.keys(device).length > 0 ? { device } : {};
}

/** Keeps only the non-empty texts, cut to MAX_ENRICHMENT_CHARACTERS. */
function known(fields: Record<string, unknown>): JsonObject {
  const texts = Object.entries(fields).filter(([, value]) => typeof value === "string" && value !== "");
  return Object.fromEntries(texts.map(([name, value]) => [name, String(value).slice(0, MAX_ENRICHMENT_CHARACTERS)]));
}

/** For historical reasons every browser's user agent begins like this, and no SDK's for servers or apps does. */
function isBrowser(userAgent: string): boolean {
  return userAgent.startsWith("Mozilla/");
}

/** Parses the context only if it may hold one of the two fields. */
function originOf(context: string): Origin {
  const parsed: unknown = /"(?:userAgent|ip)"/.test(context) ? JSON.parse(context) : undefined;
  if (!isJsonObject(parsed)) return { userAgent: undefined, hasAddress: false };
  const { userAgent, ip } = parsed;
  return {
    userAgent: typeof userAgent === "string" && userAgent !== "" ? userAgent : undefined,
    hasAddress: typeof ip === "string" && ip !== "",
  };
}
