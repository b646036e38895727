import type * as tracklog from "../../../src/stats/tally.ts";

// Counts nothing. The benchmark compares with this to measure the cost of counting the answers.

export const countAnswers: typeof tracklog.countAnswers = () => {};

export const handOnTallies: typeof tracklog.handOnTallies = async () => {};
