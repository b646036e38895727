import type { RequestIdVariables } from "hono/request-id";

/** What Hono's handlers find in their context. */
export interface AppEnv {
  Bindings: Env;
  Variables: RequestIdVariables;
}
