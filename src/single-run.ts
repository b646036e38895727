import { waitUntil } from "cloudflare:workers";
import { MAX_BACKGROUND_RUN_MS } from "./limits.ts";
import { logFailure } from "./log-failure.ts";

/**
 * Work that an isolate does beside its requests, one run at a time. A run belongs to the request that begins it and
 * goes on after that request's answer. If the request is cut off, the run counts as ended after a while.
 */
export class SingleRun {
  readonly #failure: string;
  #since = 0;

  /** @param failure the name that a broken run is logged under */
  constructor(failure: string) {
    this.#failure = failure;
  }

  /** @param now epoch milliseconds */
  begin(now: number, run: () => Promise<void>): void {
    if (now - this.#since < 2 * MAX_BACKGROUND_RUN_MS) return;
    this.#since = now;
    waitUntil(
      run()
        .catch((error: unknown) => logFailure(this.#failure, error))
        .finally(() => {
          this.#since = 0;
        }),
    );
  }
}
