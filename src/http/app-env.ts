import type { RequestIdVariables } from "hono/request-id";
import type { Problem } from "./describe-problem.ts";

/** What Hono's handlers find in their context. */
export interface AppEnv {
  Bindings: Env;
  Variables: RequestIdVariables & {
    /** The name of the write key that a request came with; null where none is needed. */
    source: string | null;
    /** When a request that writes came, in epoch milliseconds. */
    receivedAt?: number;
    /** What the request was refused for. */
    refused?: Problem;
    /** Whether those who watch were told of each event of the request. */
    isAnnounced?: boolean;
  };
}
