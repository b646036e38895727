export { createClient } from "./client.ts";
export type { CallOptions, Client, Consent, Options } from "./client.ts";
export type { AnyEvents, DropReason, EventMap, Failure, Fault, SentEvent } from "./event.ts";
