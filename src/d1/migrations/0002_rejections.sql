-- What was refused, so that whoever integrates can find it: most SDKs read no answer. A sample of each reason; exact
-- numbers are in `rejection_counts`.
CREATE TABLE rejections (
  -- Never given out again, so that a replay means the row that somebody saw.
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  -- In epoch milliseconds.
  received_at INTEGER NOT NULL,
  -- The first fault, without numbers: what is wrong in the same way has the same reason.
  reason      TEXT    NOT NULL,
  event       TEXT,
  -- The name of the write key.
  source      TEXT,
  path        TEXT    NOT NULL,
  -- JSON: [{pointer, detail, …}, …].
  faults      TEXT    NOT NULL,
  -- Both only with KEEP_REJECTED_BODIES. The body is JSON text that can be sent to `path`.
  user_id     TEXT,
  body        TEXT
);
CREATE INDEX rejections_by_reason ON rejections (reason, id);
CREATE INDEX rejections_by_user ON rejections (user_id) WHERE user_id IS NOT NULL;

-- How many were refused in an hour. Empty texts stand for no event and no key.
CREATE TABLE rejection_counts (
  -- Its beginning, in epoch milliseconds.
  hour       INTEGER NOT NULL,
  reason     TEXT    NOT NULL,
  event      TEXT    NOT NULL,
  source     TEXT    NOT NULL,
  rejections INTEGER NOT NULL,
  PRIMARY KEY (hour, reason, event, source)
) WITHOUT ROWID;

-- Users who were erased a short while ago: what an isolate still held of them stays out.
CREATE TABLE rejections_erased (
  user_id   TEXT    PRIMARY KEY,
  -- In epoch milliseconds.
  erased_at INTEGER NOT NULL
) WITHOUT ROWID;
