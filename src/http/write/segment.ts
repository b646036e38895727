import { type Context, Hono } from "hono";
import { isJsonObject } from "../../event/json.ts";
import { messageParser, type ParsedMessage } from "../../event/segment-message.ts";
import { answer } from "./answer.ts";
import type { AppEnv } from "../app-env.ts";
import { enriched } from "./enrich.ts";
import { checkCount } from "./parse-body.ts";
import { problem } from "../problem.ts";
import { readKeyedBody } from "./read-keyed-body.ts";
import { recordRequest } from "./record-request.ts";

// Segment's protocol, so that existing SDKs work when their host option is changed. It only translates.

/** A single event. The last one of each list is Dittofeed's path. */
export const TRACK_PATHS = ["/v1/track", "/v1/t", "/api/public/apps/track"];
export const BATCH_PATHS = ["/v1/batch", "/v1/b", "/beacon/v1/batch", "/api/public/apps/batch"];
/** What describes people and pages instead of events. A 4xx would end some customers' processes. */
export const IGNORED_PATHS = ["identify", "page", "screen", "group", "alias"].flatMap((call) => [
  `/v1/${call}`,
  `/v1/${call[0]}`,
  `/api/public/apps/${call}`,
]);

export const segment = new Hono<AppEnv>()
  .on("POST", TRACK_PATHS, async (c) => {
    const read = await readKeyedBody(c);
    if (!read.ok) return read.refusal;
    const { body } = read;
    return record(c, "single", [messageParser(isJsonObject(body) ? body : {}, Date.now())(body)]);
  })
  .on("POST", BATCH_PATHS, async (c) => {
    const read = await readKeyedBody(c);
    if (!read.ok) return read.refusal;
    const envelope = isJsonObject(read.body) ? read.body : {};
    const { batch } = envelope;
    if (!Array.isArray(batch)) {
      const faults = [{ pointer: "/batch", detail: "must be an array of messages" }];
      return problem(c, { reason: "invalid_request", faults });
    }
    const refused = checkCount(batch.length, "/batch");
    if (refused) return problem(c, refused);
    return record(c, "several", batch.map(messageParser(envelope, Date.now())));
  })
  .on("POST", IGNORED_PATHS, async (c) => {
    const read = await readKeyedBody(c);
    return read.ok ? record(c, "single", ["ignored"]) : read.refusal;
  })
  // The browser SDK's own metrics. They come without a key, and a failure would show in the page's console.
  .post("/v1/m", (c) => answer(c, "single", { outcome: "done", results: [{ status: "ignored" }] }));

async function record(c: Context<AppEnv>, form: "single" | "several", messages: ParsedMessage[]): Promise<Response> {
  const recorded = await recordRequest(c.env, messages.map(enriched(c)), c.get("source"), c.get("requestId"));
  return answer(c, form, recorded, form === "several" ? "/batch" : "");
}
