import { Hono } from "hono";
import type { AppEnv } from "./app-env.ts";

/** The API's description, which scripts/build-openapi.mjs makes from src/openapi/. */
export const openapi = new Hono<AppEnv>().get("/openapi.json", async (c) => {
  const file = await c.env.ASSETS.fetch(new URL("/openapi.json", c.req.url));
  // A copy, because middleware adds headers and the file's own cannot be changed.
  return new Response(file.body, file);
});
