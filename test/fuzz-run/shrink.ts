import type { FuzzRequest } from "./fuzz-request.ts";

const MAX_TRIES = 300;

/**
 * Removes everything from a request that a violation does not need: headers, the query, parts of the body.
 *
 * @param isStillWrong sends a request, and says whether it still violates the same rule
 */
export async function shrink(
  request: FuzzRequest,
  isStillWrong: (smaller: FuzzRequest) => Promise<boolean>,
): Promise<FuzzRequest> {
  let tries = 0;
  let best = request;
  const keepIf = async (smaller: FuzzRequest) => {
    if (tries++ >= MAX_TRIES || !(await isStillWrong(smaller))) return false;
    best = smaller;
    return true;
  };
  // If the violation does not show again, because it needs a state or a race, the request stays as it is.
  if (!(await keepIf(request))) return request;
  await keepIf({ ...best, body: null, headers: [] });
  if (best.body) await keepIf({ ...best, body: null });
  await keepIf({ ...best, framing: "length" });
  await keepIf({ ...best, target: best.target.split("?", 1)[0]! });
  for (const header of best.headers)
    await keepIf({ ...best, headers: best.headers.filter((other) => other !== header) });
  for (let size = (best.body?.length ?? 0) >> 1; size > 0; size >>= 1)
    for (let at = 0; best.body && at < best.body.length;) {
      const rest = Buffer.concat([best.body.subarray(0, at), best.body.subarray(at + size)]);
      if (!(await keepIf({ ...best, body: rest }))) at += size;
    }
  return best;
}
