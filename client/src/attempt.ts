/** What a function returns, or undefined if it throws: a browser may forbid its storage, or have none left. */
export function attempt<Value>(run: () => Value): Value | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
