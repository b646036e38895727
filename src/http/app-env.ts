import type { RequestIdVariables } from "hono/request-id";
import type { Problem } from "./describe-problem.ts";

/** What Hono's handlers find in their context. */
export interface AppEnv {
  Bindings: Env;
  Variables: RequestIdVariables & {
    /** The name of the request's write key; null if none is needed. */
    source: string | null;
    /** When a request that writes arrived, in epoch milliseconds. */
    receivedAt?: number;
    /** Why the request was refused. */
    refused?: Problem;
    /** Whether each event of the request was passed to the live view and to the rejections. */
    isAnnounced?: boolean;
  };
}
