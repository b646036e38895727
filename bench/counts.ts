/** What one isolate did, which locally is all of a Worker: its requests and all its objects. */
export interface Counts {
  /** Calls of objects' methods, those to writers and alarms among them: production bills each as a request. */
  objectCalls: number;
  /** Calls to D1's writers, which the user's object waits for. */
  writerCalls: number;
  setAlarms: number;
  keyValueWrites: number;
  keyValueReads: number;
  sqlStatements: number;
  /** SQLite's own count, and one for each setAlarm and each write of a key, as production bills them. */
  objectRowsWritten: number;
  objectRowsRead: number;
  /** Round trips to D1, each of one statement or of a transaction. */
  d1Calls: number;
  d1RowsWritten: number;
  d1RowsRead: number;
}
