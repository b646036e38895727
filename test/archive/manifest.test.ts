import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { archiveBucket, Bucket } from "../../src/archive/bucket.ts";
import { type ArchivedObject, changeManifest, readManifest, rebuildManifest } from "../../src/archive/manifest.ts";
import { objectName } from "../../src/archive/object-name.ts";

const r2 = archiveBucket(env)!;
const bucket = new Bucket(r2);

beforeEach(async () => {
  const { objects } = await r2.list();
  await r2.delete(objects.map(({ key }) => key));
});

afterEach(() => {
  vi.restoreAllMocks();
});

function nameOf(chunk: number, revision = 0, database = "DB"): string {
  return objectName({ day: "2024-01-02", database, chunk, revision });
}

function objectOf(chunk: number, revision = 0): ArchivedObject {
  return { name: nameOf(chunk, revision), day: "2024-01-02", rows: 1, bytes: 1, text_bytes: 1, etag: "e" };
}

function put(name: string): Promise<unknown> {
  return r2.put(name, "x", { customMetadata: { rows: "4", text_bytes: "9" } });
}

const namesOf = ({ objects }: { objects: ArchivedObject[] }) => objects.map(({ name }) => name);
const add = (...objects: ArchivedObject[]) => ({ add: objects, remove: [] });

describe("a manifest", () => {
  it("lists its files by their names, and has a version for each change", async ({ expect }) => {
    expect(await changeManifest(bucket, "DB", 0, add(objectOf(2), objectOf(1)))).toMatchObject({ version: 1 });
    const again = await changeManifest(bucket, "DB", 1, add(objectOf(1), objectOf(2)));
    expect(again).toMatchObject({ version: 1, database: "DB" });
    expect(namesOf(again)).toEqual([nameOf(1), nameOf(2)]);
    const other = await changeManifest(bucket, "DB", 1, { add: [objectOf(1, 1)], remove: [nameOf(1)] });
    expect(other.version).toBe(2);
    expect(namesOf(other)).toEqual([nameOf(1, 1), nameOf(2)]);
    expect((await readManifest(bucket, "DB")).manifest).toEqual(other);
  });

  it("takes no change while it is older than one that was seen", async ({ expect }) => {
    await changeManifest(bucket, "DB", 0, add(objectOf(1)));
    await expect(changeManifest(bucket, "DB", 2, add(objectOf(2)))).rejects.toThrow("the next run makes it again");
  });

  it("takes one change of two at once, be it there or not", async ({ expect }) => {
    for (const [first, second] of [
      [1, 2],
      [3, 4],
    ] as const) {
      const changes = [first, second].map((chunk) => changeManifest(bucket, "DB", 0, add(objectOf(chunk))));
      const settled = await Promise.allSettled(changes);
      const failed = settled.flatMap((one) => (one.status === "rejected" ? [String(one.reason)] : []));
      expect(failed).toEqual(["Error: The archive's manifest was changed by somebody else"]);
    }
    expect((await readManifest(bucket, "DB")).manifest).toMatchObject({ version: 2, objects: [{}, {}] });
  });

  it("is made anew from all files of its database, each in its latest revision", async ({ expect }) => {
    for (const name of [nameOf(1), nameOf(2, 1), nameOf(2, 2), nameOf(2, 10), nameOf(3), nameOf(4, 0, "DB_1")])
      await put(name);
    const list = r2.list.bind(r2);
    vi.spyOn(r2, "list").mockImplementation((options) => list({ ...options!, limit: 2 })); // page by page
    const rebuilt = await rebuildManifest(bucket, "DB", 5);
    expect(rebuilt).toMatchObject({ version: 6, database: "DB" });
    expect(namesOf(rebuilt)).toEqual([nameOf(1), nameOf(2, 10), nameOf(3)]);
    expect(rebuilt.objects[0]).toMatchObject({ day: "2024-01-02", rows: 4, bytes: 1, text_bytes: 9 });
    expect((await readManifest(bucket, "DB")).manifest).toEqual(rebuilt);
    expect((await bucket.list("events/v1/day=")).map(({ key }) => key)).toEqual(
      [nameOf(1), nameOf(2, 10), nameOf(3), nameOf(4, 0, "DB_1")].sort(),
    );
  });

  it("is not made where there is nothing, and is as good as lost where it cannot be read", async ({ expect }) => {
    expect(await rebuildManifest(bucket, "DB", 0)).toMatchObject({ version: 0, objects: [] });
    expect((await r2.list()).objects).toEqual([]);
    vi.spyOn(console, "error").mockImplementation(() => {});
    await changeManifest(bucket, "DB", 0, add(objectOf(1)));
    const [{ key }] = (await r2.list()).objects as [R2Object];
    await r2.put(key, "{");
    expect((await readManifest(bucket, "DB")).manifest).toEqual({ version: 0, database: "DB", objects: [] });
  });
});
