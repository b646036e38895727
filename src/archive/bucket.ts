import type { AsyncBuffer } from "hyparquet";
import { ARCHIVE_CALL_TIMEOUT_MS, MAX_LISTED_OBJECTS } from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";

/** The archive's bucket. Undefined if none is bound; then there is no archive. */
export function archiveBucket(env: Env): R2Bucket | undefined {
  return (env as Env & { ARCHIVE?: R2Bucket }).ARCHIVE;
}

/** The content of a whole object. */
interface ReadObject {
  text: string;
  etag: string;
}

/**
 * The calls that the archive makes to R2. A call rejects if it is not answered within ARCHIVE_CALL_TIMEOUT_MS, but it
 * may still take effect. So callers must be able to repeat a call, and must cope with a late effect.
 */
export class Bucket {
  readonly #r2: R2Bucket;

  constructor(r2: R2Bucket) {
    this.#r2 = r2;
  }

  head(name: string): Promise<R2Object | null> {
    return inTime(this.#r2.head(name));
  }

  /** Null if there is no such object. */
  read(name: string): Promise<ReadObject | null> {
    const read = async () => {
      const object = await this.#r2.get(name);
      return object && { text: await object.text(), etag: object.etag };
    };
    return inTime(read());
  }

  /** Null if the condition does not hold. */
  put(
    name: string,
    value: ArrayBuffer | string,
    options: R2PutOptions & { onlyIf: R2Conditional },
  ): Promise<R2Object | null> {
    return inTime(this.#r2.put(name, value, options));
  }

  /** Every object whose name begins with the prefix, in the order of their names. */
  async list(prefix: string): Promise<R2Object[]> {
    const found: R2Object[] = [];
    for (let cursor: string | undefined; ;) {
      const options = { prefix, limit: MAX_LISTED_OBJECTS, include: ["customMetadata" as const] };
      const listed: R2Objects = await inTime(this.#r2.list(cursor === undefined ? options : { ...options, cursor }));
      found.push(...listed.objects);
      if (!listed.truncated) return found;
      cursor = listed.cursor;
    }
  }

  /** Deletes objects. It is no error if an object does not exist. */
  async remove(names: readonly string[]): Promise<void> {
    for (let start = 0; start < names.length; start += MAX_LISTED_OBJECTS)
      await inTime(this.#r2.delete(names.slice(start, start + MAX_LISTED_OBJECTS)));
  }

  /** An object as a file that is read by ranges. A read rejects if the object no longer exists. */
  file(name: string, bytes: number): AsyncBuffer {
    const slice = async (start: number, end = bytes) => {
      const object = await this.#r2.get(name, { range: { offset: start, length: end - start } });
      if (!object) throw new Error(`The archive's object ${name} is missing`);
      return object.arrayBuffer();
    };
    return { byteLength: bytes, slice: (start, end) => inTime(slice(start, end)) };
  }
}

function inTime<T>(call: Promise<T>): Promise<T> {
  return orTimeout(call, ARCHIVE_CALL_TIMEOUT_MS, () => new Error("R2 did not answer"));
}
