import { describe, it } from "vitest";
import type { ArchivedObject } from "../../src/archive/manifest.ts";
import { planCompaction, planRemoval } from "../../src/archive/plan.ts";
import { ARCHIVE_CHUNK_BYTES, ARCHIVE_CHUNK_ROWS } from "../../src/limits.ts";

/** A manifest of files named 0, 1 and so on. */
function manifestOf(...files: Partial<ArchivedObject>[]) {
  const object = { day: "2024-01-02", rows: 1, bytes: 1, text_bytes: 1, etag: "e" };
  return { version: 1, database: "DB", objects: files.map((file, i) => ({ name: String(i), ...object, ...file })) };
}

describe("a compaction", () => {
  it("puts a day's small files into one, the smallest first, as many as fit", ({ expect }) => {
    const half = ARCHIVE_CHUNK_ROWS / 2;
    expect(planCompaction(manifestOf({ rows: half + 1 }, { rows: 1 }, { rows: half - 1 }))).toEqual({
      kind: "replace",
      day: "2024-01-02",
      sources: ["1", "2"],
      drop: [],
    });
    expect(planCompaction(manifestOf({ rows: half }, { rows: half }))).toMatchObject({ sources: ["0", "1"] });
    const bytes = ARCHIVE_CHUNK_BYTES / 2;
    expect(planCompaction(manifestOf({ text_bytes: bytes }, { text_bytes: bytes }))).not.toBeNull();
    expect(planCompaction(manifestOf({ text_bytes: bytes }, { text_bytes: bytes + 1 }))).toBeNull();
  });

  it("is none where no day has two files, or where two do not fit one", ({ expect }) => {
    expect(planCompaction(manifestOf())).toBeNull();
    expect(planCompaction(manifestOf({}, { day: "2024-01-03" }))).toBeNull();
    expect(planCompaction(manifestOf({ rows: ARCHIVE_CHUNK_ROWS }, {}))).toBeNull();
    const second = manifestOf({}, { day: "2024-01-03" }, { day: "2024-01-03" });
    expect(planCompaction(second)).toMatchObject({ day: "2024-01-03", sources: ["1", "2"] });
  });
});

describe("a removal", () => {
  it("is of whole days that have expired", ({ expect }) => {
    const manifest = manifestOf({ day: "2024-01-01" }, { day: "2024-01-02" }, { day: "2023-12-31" });
    expect(planRemoval(manifest, "2024-01-02")).toEqual({ kind: "remove", sources: ["0", "2"] });
    expect(planRemoval(manifest, "2023-12-31")).toBeNull();
  });
});
