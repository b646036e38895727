/** What one isolate did, which locally is all of a Worker: its requests and all its objects. */
export interface Counts {
  /** Calls of objects' methods, alarms among them: production bills each as a request. */
  objectCalls: number;
  alarms: number;
  setAlarms: number;
  getAlarms: number;
  keyValueWrites: number;
  keyValueReads: number;
  sqlStatements: number;
  /** SQLite's own count, and one for each setAlarm and each write of a key, as production bills them. */
  objectRowsWritten: number;
  objectRowsRead: number;
  d1Statements: number;
  d1RowsWritten: number;
  d1RowsRead: number;
}
