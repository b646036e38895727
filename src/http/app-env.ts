import type { RequestIdVariables } from "hono/request-id";

/** What Hono's handlers find in their context. */
export interface AppEnv {
  Bindings: Env;
  Variables: RequestIdVariables & {
    /** The name of the write key that a request came with; null where none is needed. */
    source: string | null;
  };
}
