import { Hono } from "hono";
import { version } from "../../package.json";
import type { AppEnv } from "./app-env.ts";
import { page, wantsPage } from "./page.ts";

/** What is at the root: for a browser the dashboard, which asks for a read key, else where to go on. */
export const startPage = new Hono<AppEnv>().get("/", async (c) => {
  if (wantsPage(c)) return page(c, "dashboard");
  c.header("Vary", "Accept");
  return c.json({ success: true, name: "tracklog", version, ...LINKS });
});

const LINKS = { docs: "/docs", openapi: "/openapi.json", health: "/health" };
