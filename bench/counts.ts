/** What one isolate did. Locally one isolate runs all requests and all objects of a Worker. */
export interface Counts {
  /** Calls of objects' methods, including those to writers, and alarms. Cloudflare bills each as a request. */
  objectCalls: number;
  /** Calls to D1's writers, for which the user's object waits. */
  writerCalls: number;
  setAlarms: number;
  keyValueWrites: number;
  keyValueReads: number;
  sqlStatements: number;
  /** SQLite's own count, and one for each setAlarm and each write of a key, as Cloudflare bills them. */
  objectRowsWritten: number;
  objectRowsRead: number;
  /** Round trips to D1. Each has one statement or one transaction. */
  d1Calls: number;
  d1RowsWritten: number;
  d1RowsRead: number;
}
