import { ARCHIVE_RUN_MS, MAX_ARCHIVE_RUN_FILES } from "../limits.ts";

/** What one call of the archiver may use up, so that others have their turn and the platform's limits hold. */
export class Budget {
  /** Begins nothing new after this, in epoch milliseconds. */
  readonly until = Date.now() + ARCHIVE_RUN_MS;
  #files = MAX_ARCHIVE_RUN_FILES;

  /** Whether another file may be handled, and takes it. */
  takeFile(): boolean {
    return Date.now() < this.until && this.#files-- > 0;
  }
}
