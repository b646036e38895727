import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { keysIn, type Mark, marksIn } from "./marks.ts";

/** Longer than any mark or key, because one may be split between two pieces. */
const OVERLAP = 80;

/** Finds all marks and keys in the files of a folder, in any format: rows, logs, objects. */
export async function storedMarks(
  folder: string,
): Promise<{ bytes: number; marks: { mark: Mark; file: string }[]; keys: { key: string; file: string }[] }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const seen = new Map<string, { mark: Mark; file: string }>();
  const keys = new Map<string, string>();
  let bytes = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    let rest = "";
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 22 }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      const text = rest + chunk.toString("latin1");
      for (const mark of marksIn(text)) seen.set(`${mark.index} ${mark.event}`, { mark, file });
      for (const key of keysIn(text)) keys.set(key, file);
      rest = text.slice(-OVERLAP);
    }
  }
  return { bytes, marks: [...seen.values()], keys: [...keys].map(([key, file]) => ({ key, file })) };
}
