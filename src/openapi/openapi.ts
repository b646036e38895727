import { Hono } from "hono";
import type { AppEnv } from "../http/app-env.ts";

let json: string | undefined;

/** The API's description. */
export const openapi = new Hono<AppEnv>().get("/openapi.json", async (c) => {
  // Bundled like the rest, but run by the first request that asks for it, so that a Worker starts without it.
  const { openapiDocument } = await import("./document.ts");
  json ??= JSON.stringify(openapiDocument());
  return c.body(json, 200, { "Content-Type": "application/json" });
});
