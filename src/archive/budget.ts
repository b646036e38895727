import { ARCHIVE_RUN_MS, MAX_ARCHIVE_RUN_FILES } from "../limits.ts";

/** How much one call of the archiver may do. It lets other calls have their turn and respects the platform's limits. */
export class Budget {
  /** Nothing new is started after this time, in epoch milliseconds. */
  readonly until = Date.now() + ARCHIVE_RUN_MS;
  #files = MAX_ARCHIVE_RUN_FILES;

  /** Whether another file may be handled. If so, it counts as used. */
  takeFile(): boolean {
    return Date.now() < this.until && this.#files-- > 0;
  }
}
