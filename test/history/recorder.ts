import { writeFileSync } from "node:fs";
import type { Entry } from "./model/entry.ts";

/** An entry without its number and times, which the recorder adds. */
type Told = {
  [Kind in Entry["kind"]]: Omit<Extract<Entry, { kind: Kind }>, "id" | "invoked" | "ended">;
}[Entry["kind"]];

/** Everything that was sent and done in a run, with the answers. */
export class Recorder {
  readonly entries: Entry[] = [];
  readonly #began = performance.now();

  /** Milliseconds since the run began. */
  now(): number {
    return performance.now() - this.#began;
  }

  /** Records an operation that ends now. */
  note(invoked: number, told: Told): void {
    this.entries.push({ ...told, id: this.entries.length + 1, invoked, ended: this.now() });
  }

  /** Writes all entries as lines of JSON. */
  write(file: string): void {
    writeFileSync(file, this.entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  }
}
