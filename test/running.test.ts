import { describe, it, vi } from "vitest";
import running from "../docs/running.md?raw";
import { anEvent, newUser, requestWith, rowsOf, track } from "./tracklog.ts";
import { env } from "cloudflare:workers";
import { app } from "../src/app.ts";

env.D1_DAYS = "30";

const RULES = /```yaml\n(.*?)```/s.exec(running)![1]!;
const ALERTS = [...RULES.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);

describe("docs/running.md", () => {
  it("has alert rules only for existing metrics, with labels that they have", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), 10_000);
    await env.ARCHIVER.getByName("DB").run();
    const text = await (await app.request("/metrics", {}, { ...env, D1_DAYS: "30" })).text();
    const metrics = new Set([...text.matchAll(/^(tracklog_\w+)/gm)].map(([, name]) => name));
    const named = [...running.matchAll(/\btracklog_\w+/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(ALERTS.length);
    expect(named.filter((name) => !metrics.has(name))).toEqual([]);
    for (const [, labels] of RULES.matchAll(/by \(([^)]+)\)/g))
      for (const label of labels!.split(", ")) expect(text).toMatch(new RegExp(`[{,]${label}="`));
  });

  it("says what to do for each alert, and for no other", ({ expect }) => {
    const sections = [...running.matchAll(/^### `(\w+)`$/gm)].map(([, name]) => name!);
    expect(ALERTS.length).toBeGreaterThan(5);
    expect(sections).toEqual(ALERTS);
  });

  it("says what to do for each status of a database", async ({ expect }) => {
    const { body } = await requestWith({}, "/openapi.json");
    const { databases } = body["paths"]["/health"].get.responses["200"].content["application/json"].schema.properties;
    const statuses = (databases.additionalProperties.properties.status.enum as string[]).filter((one) => one !== "ok");
    const [table] = running.slice(running.indexOf("| status |")).split("\n\n");
    const rows = table!.split("\n").slice(2);
    const told = rows.flatMap((line) => [...line.split("|")[1]!.matchAll(/`(\w+)`/g)].map(([, status]) => status!));
    expect(told.sort()).toEqual(statuses.sort());
  });
});
