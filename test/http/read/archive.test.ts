import { env, exports } from "cloudflare:workers";
import { asyncBufferFromUrl, parquetReadObjects } from "hyparquet";
import { describe, it, vi } from "vitest";
import { Archiver } from "../../../src/archive/archiver.ts";
import { archiveBucket } from "../../../src/archive/bucket.ts";
import { DAY_MS } from "../../../src/d1/hour.ts";
import { COUNTER_DAYS } from "../../../src/limits.ts";
import { type Answer, anEvent, call, get, newUser, requestWith, rowsOf, track } from "../../tracklog.ts";

env.D1_DAYS = "30";

function fetchFile(name: string, headers: Record<string, string> = {}, method = "GET") {
  return exports.default.fetch(`https://tracklog.test/archive/objects/${name}`, { headers, method });
}

/** Puts one event into the archive, and returns the file that it is in. */
async function archivedFile(): Promise<Answer> {
  const user = newUser();
  await track(anEvent({ user_id: user, timestamp: "2024-01-02" }));
  await vi.waitFor(async () => {
    if ((await rowsOf(user)).length !== 1) throw new Error("not there yet");
  }, 10_000);
  await env.DB.prepare("UPDATE events SET written_at = 0").run();
  const { status, body } = await call("POST", "/archive/run?database=DB");
  if (status !== 200) throw new Error(JSON.stringify(body));
  const { body: answer } = await get("/archive/manifest");
  return (answer["manifests"] as { objects: Answer[] }[])[0]!.objects.at(-1)!;
}

describe("the archive over HTTP", () => {
  it("runs on demand, says what it did, and lists its files", async ({ expect }) => {
    const file = await archivedFile();
    expect(file).toMatchObject({ day: "2024-01-02" });
    expect((await call("POST", "/archive/run")).body).toEqual({
      database: "DB",
      files: 0,
      rows: 0,
      bytes: 0,
      removed: 0,
      more: false,
    });
  });

  it("counts events before they leave, even if no cron has run before", async ({ expect }) => {
    const user = newUser();
    const event = `counted-${user}`;
    // Counters of long ago are forgotten once an hour.
    const timestamp = Date.now() - (COUNTER_DAYS - 100) * DAY_MS;
    await track(anEvent({ user_id: user, event, timestamp }));
    await vi.waitFor(async () => {
      if ((await rowsOf(user)).length !== 1) throw new Error("not there yet");
    }, 10_000);
    await env.DB.batch(["events", "feed"].map((table) => env.DB.prepare(`UPDATE ${table} SET written_at = 0`)));
    expect((await call("POST", "/archive/run")).body).toMatchObject({ rows: 1 });
    expect(await rowsOf(user)).toEqual([]);
    const { body } = await get(`/stats?by=event&event=${event}&from=${timestamp - DAY_MS}&to=${timestamp + DAY_MS}`);
    expect(body["rows"]).toEqual([{ event, events: 1 }]);
  });

  it("lets no event leave that is not counted yet", async ({ expect }) => {
    const user = newUser();
    // Later than what the other tests have moved: those hours are sealed.
    await track(anEvent({ user_id: user, timestamp: Date.now() - (COUNTER_DAYS - 200) * DAY_MS }));
    await vi.waitFor(async () => {
      if ((await rowsOf(user)).length !== 1) throw new Error("not there yet");
    }, 10_000);
    await env.DB.batch(["events", "feed"].map((table) => env.DB.prepare(`UPDATE ${table} SET written_at = 0`)));
    const batch = env.DB.batch.bind(env.DB);
    // Marks the hour, and makes its recount do nothing.
    vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
      const [first] = statements as unknown as { statement?: string }[];
      if (first?.statement?.startsWith("DELETE FROM hourly")) return [{ meta: { changes: 1 } }] as never;
      return batch<never>(statements);
    });
    expect((await call("POST", "/archive/run")).body).toMatchObject({ rows: 0 });
    vi.restoreAllMocks();
    expect(await rowsOf(user)).toHaveLength(1);
    expect((await call("POST", "/archive/run")).body).toMatchObject({ rows: 1 });
  });

  it("returns a whole file or a part of it", async ({ expect }) => {
    const { name, bytes } = await archivedFile();
    const whole = await fetchFile(name as string);
    const content = new Uint8Array(await whole.arrayBuffer());
    expect(whole.status).toBe(200);
    expect(content).toHaveLength(bytes as number);
    expect(new TextDecoder().decode(content.subarray(0, 4))).toBe("PAR1");

    const end = await fetchFile(name as string, { Range: "bytes=-4" });
    expect(end.status).toBe(206);
    expect(end.headers.get("content-range")).toBe(`bytes ${bytes - 4}-${bytes - 1}/${bytes}`);
    expect(await end.text()).toBe("PAR1");

    const part = await fetchFile(name as string, { Range: "bytes=1-2" });
    expect(part.headers.get("content-range")).toBe(`bytes 1-2/${bytes}`);
    expect(await part.text()).toBe("AR");
  });

  it("says where a file ends if a range begins behind its end", async ({ expect }) => {
    const { name, bytes } = await archivedFile();
    const behind = await fetchFile(name as string, { Range: `bytes=${bytes}-` });
    expect(behind.status).toBe(416);
    expect(behind.headers.get("content-range")).toBe(`bytes */${bytes}`);
    await behind.body?.cancel();
  });

  it("describes a file without sending it", async ({ expect }) => {
    const { name, bytes, etag } = await archivedFile();
    const head = await fetchFile(name as string, {}, "HEAD");
    expect(head.status).toBe(200);
    expect(Object.fromEntries(head.headers)).toMatchObject({
      "accept-ranges": "bytes",
      "content-length": String(bytes),
      "content-type": "application/vnd.apache.parquet",
      etag: `"${etag}"`,
    });
    expect(Date.parse(head.headers.get("last-modified")!)).toBeGreaterThan(0);
    expect(await head.text()).toBe("");

    const part = await fetchFile(name as string, { Range: "bytes=-8" }, "HEAD");
    expect(part.status).toBe(206);
    expect(part.headers.get("content-length")).toBe("8");
  });

  it("sends a part only of the file that the reader knows, and nothing if the reader has it", async ({ expect }) => {
    const { name, bytes, etag } = await archivedFile();
    const ask = async (headers: Record<string, string>) => {
      const answer = await fetchFile(name as string, headers);
      return [answer.status, (await answer.arrayBuffer()).byteLength];
    };
    const Range = "bytes=0-3";
    expect(await ask({ Range, "If-Range": `"${etag}"` })).toEqual([206, 4]);
    expect(await ask({ Range, "If-Range": '"another"' })).toEqual([200, bytes]);
    expect(await ask({ "If-None-Match": `"another", W/"${etag}"` })).toEqual([304, 0]);
    expect(await ask({ "If-None-Match": '"another"' })).toEqual([200, bytes]);
    expect(await ask({ Range: "bytes=0-1,4-5" })).toEqual([200, bytes]);
  });

  it("lets a query engine read by ranges: the size, the end, and then some columns", async ({ expect }) => {
    const { name, rows } = await archivedFile();
    const sent: string[] = [];
    const file = await asyncBufferFromUrl({
      url: `https://tracklog.test/archive/objects/${name}`,
      fetch: (url, init) => {
        const request = new Request(url, init);
        sent.push(`${request.method} ${request.headers.get("range") ?? ""}`.trim());
        return exports.default.fetch(request);
      },
    });
    const found = await parquetReadObjects({ file, columns: ["event", "seq"] });
    expect(found).toHaveLength(rows as number);
    expect(found.at(-1)).toEqual({ event: "signed_up", seq: 1n });
    expect(sent[0]).toBe("HEAD");
    expect(sent.slice(1).every((one) => one.startsWith("GET bytes="))).toBe(true);
  });

  it("answers 503 while the manifest is lost, and then lists its files again", async ({ expect }) => {
    await archivedFile();
    await archiveBucket(env)!.delete("events/v1/manifest/DB.json");
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    expect((await get("/archive/manifest")).status).toBe(503);
    log.mockRestore();
    await call("POST", "/archive/run");
    const [{ objects }] = (await get("/archive/manifest")).body["manifests"] as [{ objects: { day: string }[] }];
    expect(objects.map(({ day }) => day)).toContain("2024-01-02");
  });

  it.for(["events/v1/manifest/DB.json", "other", "..%2Fsecret", "%E0%A4%A"])(
    "returns only its own files: %s",
    async (name, { expect }) => {
      expect((await fetchFile(name)).status).toBe(404);
    },
  );

  it("is 404 if no bucket is bound, and needs a read key", async ({ expect }) => {
    const none = { ARCHIVE: undefined } as unknown as Partial<Env>;
    const { status, body } = await requestWith(none, "/archive/manifest");
    expect(status).toBe(404);
    expect(body["detail"]).toContain("no R2 bucket is bound as ARCHIVE");
    expect((await requestWith({ READ_KEYS: "a:r1" }, "/archive/manifest")).status).toBe(401);
  });

  it("is 503 if the platform ends the archiver halfway", async ({ expect }) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(Archiver.prototype, "run").mockRejectedValueOnce(new Error("The object was reset"));
    const { status, body } = await call("POST", "/archive/run");
    expect([status, body["code"]]).toEqual([503, "unreachable"]);
    expect(log.mock.calls.join()).toContain("archive_run_failed");
    vi.restoreAllMocks();
  });

  it("refuses a database that is not bound", async ({ expect }) => {
    const { status, body } = await call("POST", "/archive/run?database=DB_9");
    expect(status).toBe(400);
    expect(body["errors"]).toEqual([{ pointer: "/database", detail: "is not a bound database: DB" }]);
  });
});
