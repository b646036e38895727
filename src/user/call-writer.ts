import type { Answered } from "../d1/writer-calls.ts";
import { type RemoteWriter, writerOf } from "../d1/writer-of.ts";
import { WRITER_CALL_TIMEOUT_MS } from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";

/**
 * Calls the object that writes a user's rows to a database. Never rejects. A call that times out may still do its work,
 * which is why every call can be repeated.
 */
export async function callWriter<T>(
  env: Env,
  database: string,
  userId: string,
  call: (writer: RemoteWriter) => Promise<Answered<T>>,
): Promise<Answered<T>> {
  try {
    const answer = call(writerOf(env, database, userId));
    return await orTimeout(answer, WRITER_CALL_TIMEOUT_MS, () => new Error("The writer did not answer"));
  } catch (error) {
    return { ok: false, failure: "away", error: String(error) };
  }
}
