import { Hono } from "hono";
import { version } from "../../package.json";
import type { AppEnv } from "./app-env.ts";
import { page, wantsPage } from "./page.ts";

/** The root: the dashboard for a browser, which asks for a read key, and links for everybody else. */
export const startPage = new Hono<AppEnv>().get("/", async (c) => {
  if (wantsPage(c)) return page(c, "dashboard");
  c.header("Vary", "Accept");
  return c.json({ success: true, name: "tracklog", version, ...LINKS });
});

const LINKS = { docs: "/docs", openapi: "/openapi.json", health: "/health" };
