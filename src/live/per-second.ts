/** Counts up to a limit in each second of the clock. */
export class PerSecond {
  readonly #limit: number;
  #second = 0;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes as many of `wanted` as there is room for in the second of `now` (epoch milliseconds), and returns how many.
   */
  take(now: number, wanted: number): number {
    const taken = Math.min(wanted, this.room(now));
    this.#taken += taken;
    return taken;
  }

  room(now: number): number {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) this.#taken = 0;
    this.#second = second;
    return this.#limit - this.#taken;
  }
}
