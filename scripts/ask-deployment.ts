const TIMEOUT_MS = 60_000;

/** Prints one line that says what is wrong, and ends the script with status 1. */
export function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

/** Requests JSON from a running deployment, local or remote. Ends the script if it cannot be reached. */
export async function askDeployment(
  url: string,
  method: string,
  path: string,
  key: string | undefined,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const target = URL.parse(path, url);
  if (!target || !/^https?:$/.test(target.protocol)) fail(`--url must be an address such as http://localhost:8787`);
  try {
    const headers = key ? { Authorization: `Bearer ${key}` } : {};
    const response = await fetch(target, { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  } catch (error) {
    const { cause, message } = error as Error;
    fail(`${target.origin} cannot be reached: ${cause instanceof Error ? cause.message : message}`);
  }
}
