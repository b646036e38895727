import { readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");

export function sourceOf(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}
