import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { archiveBucket, Bucket } from "../../src/archive/bucket.ts";
import { readManifest } from "../../src/archive/manifest.ts";
import { COPY_EXPIRY_DELAY_MS } from "../../src/limits.ts";
import { DAY_MS } from "../../src/d1/hour.ts";
import { delivered, newUser, record } from "../tracklog.ts";

afterEach(() => {
  env.D1_DAYS = "";
  env.RETENTION_DAYS = "";
  vi.useRealTimers();
});

async function archivedDays(): Promise<string[]> {
  return (await readManifest(new Bucket(archiveBucket(env)!), "DB")).manifest.objects.map(({ day }) => day);
}

describe("the archive", () => {
  it("deletes whole days that have expired, even if D1_DAYS is no longer set", async ({ expect }) => {
    const user = newUser();
    await record(user, { timestamp: Date.UTC(2026, 0, 2) }, { timestamp: Date.UTC(2026, 0, 3, 12) });
    await delivered(user);
    await env.DB.prepare("UPDATE events SET written_at = 0").run();
    env.D1_DAYS = "30";
    await env.ARCHIVER.getByName("DB").run();
    expect(await archivedDays()).toEqual(["2026-01-02", "2026-01-03"]);

    env.D1_DAYS = "";
    env.RETENTION_DAYS = "100";
    const end = Date.UTC(2026, 0, 3) + 100 * DAY_MS + COPY_EXPIRY_DELAY_MS;
    vi.useFakeTimers({ toFake: ["Date"], now: end - 60_000 });
    await env.ARCHIVER.getByName("DB").run();
    expect(await archivedDays()).toHaveLength(2); // they have been refused for a day, and are kept that long
    vi.useFakeTimers({ toFake: ["Date"], now: end + 60_000 });
    await env.ARCHIVER.getByName("DB").run();
    expect(await archivedDays()).toEqual(["2026-01-03"]);
  });
});
