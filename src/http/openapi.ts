import { Hono } from "hono";
import type { AppEnv } from "./app-env.ts";

/** The API's description, as scripts/build-openapi.mjs has made it of src/openapi/. */
export const openapi = new Hono<AppEnv>().get("/openapi.json", async (c) => {
  const file = await c.env.ASSETS.fetch(new URL("/openapi.json", c.req.url));
  // The file's own headers cannot be changed, and others are to be added.
  return new Response(file.body, file);
});
