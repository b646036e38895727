/** What a function returns, or undefined if it throws. A browser may forbid its storage or have no space left. */
export function attempt<Value>(run: () => Value): Value | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
