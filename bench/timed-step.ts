/** Measures something, and writes to stderr how long the measurement took. */
export async function timedStep<T>(name: string, measure: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const measured = await measure();
  console.error(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return measured;
}
