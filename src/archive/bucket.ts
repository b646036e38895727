import type { AsyncBuffer } from "hyparquet";

/** The archive's bucket; undefined where none is bound, and then there is no archive. */
export function archiveBucket(env: Env): R2Bucket | undefined {
  return (env as Env & { ARCHIVE?: R2Bucket }).ARCHIVE;
}

/** An object as a file that is read by ranges. A read rejects where the object is gone. */
export function fileOf(bucket: R2Bucket, name: string, bytes: number): AsyncBuffer {
  return {
    byteLength: bytes,
    async slice(start, end = bytes) {
      const object = await bucket.get(name, { range: { offset: start, length: end - start } });
      if (!object) throw new Error(`The archive's object ${name} is gone`);
      return object.arrayBuffer();
    },
  };
}
