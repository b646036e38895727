import { type Context, Hono } from "hono";
import { isJsonObject } from "../../event/json.ts";
import type { ParsedEvent } from "../../event/parse-event.ts";
import type { SegmentCall } from "../../event/segment-call.ts";
import { messageParser } from "../../event/segment-message.ts";
import { announceVerdicts, type SentEvents } from "./announce-verdicts.ts";
import { answer } from "./answer.ts";
import type { AppEnv } from "../app-env.ts";
import { enriched } from "./enrich.ts";
import { checkCount } from "./parse-body.ts";
import { problem } from "../problem.ts";
import { readKeyedBody } from "./read-keyed-body.ts";
import { recordRequest, type RequestOutcome } from "./record-request.ts";

// Translates Segment's protocol, so that existing SDKs work when their host option is changed.

/** The paths for a single message of each call. The last path of each list is Dittofeed's. */
export const CALL_PATHS: Record<SegmentCall, string[]> = {
  track: ["/v1/track", "/v1/t", "/api/public/apps/track"],
  identify: ["/v1/identify", "/v1/i", "/api/public/apps/identify"],
  page: ["/v1/page", "/v1/p", "/api/public/apps/page"],
  screen: ["/v1/screen", "/v1/s", "/api/public/apps/screen"],
  group: ["/v1/group", "/v1/g", "/api/public/apps/group"],
  alias: ["/v1/alias", "/v1/a", "/api/public/apps/alias"],
};
/** The paths for batches. The SDKs for Ruby, Java and .NET send to /v1/import by default. */
export const BATCH_PATHS = ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch", "/api/public/apps/batch"];

export const segment = new Hono<AppEnv>()
  .on("POST", BATCH_PATHS, async (c) => {
    const read = await readKeyedBody(c);
    if (!read.ok) return read.refusal;
    const envelope = isJsonObject(read.body) ? read.body : {};
    const { batch } = envelope;
    if (!Array.isArray(batch)) {
      const faults = [{ pointer: "/batch", detail: 'must be an array of messages: send {"batch": […]}' }];
      return problem(c, { reason: "invalid_request", faults });
    }
    const refused = checkCount(batch.length, "/batch");
    if (refused) return problem(c, refused);
    const parse = messageParser({ envelope, ...receipt() });
    const sent = {
      event: (index: number): unknown => batch[index],
      body: (index: number) => ({ ...withoutKey(envelope), batch: [withoutKey(batch[index])] }),
    };
    // Several SDKs treat any 2xx other than 200 as a failure, and some then repeat the request forever.
    return answer(c, { form: "several", pointer: "/batch", partial: 200 }, await record(c, sent, batch.map(parse)));
  })
  // The browser SDK sends metrics about itself here, without a key. A refusal would show in the page's console.
  .post("/v1/m", (c) => c.json({ success: true, status: "ignored" }));

for (const [call, paths] of Object.entries(CALL_PATHS) as [SegmentCall, string[]][])
  segment.on("POST", paths, async (c) => {
    const read = await readKeyedBody(c);
    if (!read.ok) return read.refusal;
    const { body } = read;
    const parse = messageParser({ envelope: isJsonObject(body) ? body : {}, call, ...receipt() });
    return answer(
      c,
      { form: "single" },
      await record(c, { event: () => body, body: () => withoutKey(body) }, [parse(body)]),
    );
  });

/** The receipt of a request, with a nonce that no other request has. */
function receipt(): { now: number; nonce: string } {
  return { now: Date.now(), nonce: crypto.randomUUID() };
}

async function record(c: Context<AppEnv>, sent: SentEvents, events: ParsedEvent[]): Promise<RequestOutcome> {
  const recorded = await recordRequest(c.env, events.map(enriched(c)), c.get("source"), c.get("requestId"));
  announceVerdicts(c, sent, events, recorded);
  return recorded;
}

/** A message or a body without its write key, because no key may be kept. */
function withoutKey(sent: unknown): object | undefined {
  if (!isJsonObject(sent)) return undefined;
  const { writeKey: _, ...rest } = sent;
  return rest;
}
