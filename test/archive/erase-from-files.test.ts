import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { Budget } from "../../src/archive/budget.ts";
import { eraseFromFiles } from "../../src/archive/erase-from-files.ts";
import { MAX_ARCHIVE_RUN_FILES } from "../../src/limits.ts";
import { DAY, emptyBucket, listedUsers, nameOf, putFile, r2, withRunner } from "./archived-files.ts";

const OTHER_DAY = "2024-01-05";
const ANN = { user_id: "ann", generation: 1 };

/** A budget of so many files. */
function budgetOf(files: number): Budget {
  const budget = new Budget();
  for (let i = files; i < MAX_ARCHIVE_RUN_FILES; i++) budget.takeFile();
  return budget;
}

beforeEach(emptyBucket);
afterEach(() => {
  vi.restoreAllMocks();
});

describe("an erasure from the archive's files", () => {
  it("writes those anew that hold the log, and touches no other", async ({ expect }) => {
    await putFile(1, [{ user_id: "ann" }, { user_id: "bob", generation: 2 }]);
    await putFile(2, [{ user_id: "bob", generation: 1 }]);
    await putFile(3, [{ user_id: "ann", generation: 9 }]);
    await putFile(4, [{ user_id: "ann" }], OTHER_DAY);
    await putFile(5, [{ user_id: "ann" }], "2024-01-09");
    await withRunner(async (runner) => {
      await runner.recover();
      expect(await eraseFromFiles(runner, ANN, [DAY, OTHER_DAY], new Budget())).toEqual({ files: 2, left: [] });
      expect(await eraseFromFiles(runner, ANN, [DAY, OTHER_DAY], new Budget())).toEqual({ files: 0, left: [] });
    });
    expect(await listedUsers()).toEqual({
      [nameOf(1, 1)]: ["bob"],
      [nameOf(2)]: ["bob"],
      [nameOf(3)]: ["ann"],
      [nameOf(5, 0, "2024-01-09")]: ["ann"],
    });
    expect((await r2.list({ prefix: "events/v1/day=" })).objects).toHaveLength(4);
  });

  it("tells which days are left where its budget is used up", async ({ expect }) => {
    await putFile(1, [{ user_id: "ann" }]);
    await putFile(2, [{ user_id: "ann" }], OTHER_DAY);
    const days = [DAY, OTHER_DAY];
    await withRunner(async (runner) => {
      await runner.recover();
      expect(await eraseFromFiles(runner, ANN, days, budgetOf(0))).toEqual({ files: 0, left: days });
      expect(await eraseFromFiles(runner, ANN, days, budgetOf(1))).toEqual({ files: 1, left: [OTHER_DAY] });
      expect(await eraseFromFiles(runner, ANN, [OTHER_DAY], budgetOf(1))).toEqual({ files: 1, left: [] });
    });
    expect(await listedUsers()).toEqual({});
  });

  it("lists a file no more that is gone, and waits for none such", async ({ expect }) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const gone = await putFile(1, [{ user_id: "bob" }]);
    await putFile(2, [{ user_id: "bob" }]);
    await withRunner(async (runner) => {
      await runner.recover();
      await r2.delete(gone);
      expect(await eraseFromFiles(runner, ANN, [DAY], new Budget())).toEqual({ files: 1, left: [] });
    });
    expect(await listedUsers()).toEqual({ [nameOf(2)]: ["bob"] });
    expect(log).toHaveBeenCalledWith(expect.stringContaining("archive_file_missing"));
  });
});
