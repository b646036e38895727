import { UserLog as RealUserLog } from "../../../src/user/user-log.ts";

export const RESTED = "The log rests";

/** A user's log that need not wait until its alarm has gone off and its object has fallen asleep. */
export class UserLog extends RealUserLog {
  /** For a log that D1 has all of: its alarm would find nothing to do. The call ends with RESTED as its error. */
  async rest(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.sync();
    this.ctx.abort(RESTED);
  }

  bytes(): number {
    return this.ctx.storage.sql.databaseSize;
  }
}
