import { Hono } from "hono";
import { version } from "../../package.json";
import type { AppEnv } from "./app-env.ts";
import { checkKey } from "./keys.ts";
import { page, wantsPage } from "./page.ts";

/** What is at the root: for a browser the dashboard, which asks for a read key, else where to go on. */
export const startPage = new Hono<AppEnv>().get("/", async (c) => {
  if (wantsPage(c)) return page(c, "dashboard");
  c.header("Vary", "Accept");
  // The page asks for a key only where one is needed.
  const needs_key = !(await checkKey(c.env, "read", undefined)).ok;
  return c.json({ success: true, name: "tracklog", version, needs_key, ...LINKS });
});

const LINKS = { docs: "/docs", openapi: "/openapi.json", health: "/health" };
