import { beforeEach, describe, it } from "vitest";
import { archivedRevisions } from "../../src/archive/archived-revisions.ts";
import { bucket, DAY, emptyBucket, putFile, r2 } from "./archived-files.ts";

beforeEach(emptyBucket);

function revisionsOf(...days: string[]) {
  return archivedRevisions(bucket, "DB", { userId: "ann", generation: 1 }, new Set(days));
}

describe("what the archive has of a log", () => {
  it("is the latest revision of each of its events of some days", async ({ expect }) => {
    await putFile(1, [
      { user_id: "ann", seq: 1, revision: 3 },
      { user_id: "ann", seq: 2 },
      { user_id: "ann", generation: 2, seq: 3 },
      { user_id: "bob", seq: 4 },
    ]);
    await putFile(2, [{ user_id: "ann", seq: 1, revision: 2 }]);
    await putFile(3, [{ user_id: "ann", seq: 5 }], "2024-01-05");
    expect(await revisionsOf(DAY)).toEqual(
      new Map([
        [1, 3],
        [2, 1],
      ]),
    );
    expect(await revisionsOf("2024-01-05")).toEqual(new Map([[5, 1]]));
    expect(await revisionsOf("2024-01-06")).toEqual(new Map());
  });

  it("is nothing in an empty archive, and not known while the manifest is lost", async ({ expect }) => {
    expect(await revisionsOf(DAY)).toEqual(new Map());
    await putFile(1, [{ user_id: "ann" }]);
    await r2.delete("events/v1/manifest/DB.json");
    await expect(revisionsOf(DAY)).rejects.toThrow("the next run makes it again");
  });
});
