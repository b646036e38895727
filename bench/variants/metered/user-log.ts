import { UserLog as RealUserLog } from "../../../src/user/user-log.ts";

export const RESTED = "The log rests";

/** A user's log that can fall asleep at once, without waiting for its alarm. */
export class UserLog extends RealUserLog {
  /** Use it only if D1 has all of the log's events, so that its alarm has nothing to do. The call rejects with RESTED. */
  async rest(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.sync();
    this.ctx.abort(RESTED);
  }

  bytes(): number {
    return this.ctx.storage.sql.databaseSize;
  }
}
