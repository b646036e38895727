-- Rejected events, so that developers can find their faults, because most SDKs ignore the answer. Only samples of each
-- reason are kept here; `rejection_counts` counts all of them.
CREATE TABLE rejections (
  -- Ids are never used again, so that a replay means the row that somebody saw.
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  -- In epoch milliseconds.
  received_at INTEGER NOT NULL,
  -- The first fault, with N for each number, so that similar faults have the same reason.
  reason      TEXT    NOT NULL,
  event       TEXT,
  -- The name of the write key.
  source      TEXT,
  path        TEXT    NOT NULL,
  -- JSON: [{pointer, detail, …}, …].
  faults      TEXT    NOT NULL,
  -- Both are only kept with KEEP_REJECTED_BODIES. The body is JSON text that can be sent to `path`.
  user_id     TEXT,
  body        TEXT
);
CREATE INDEX rejections_by_reason ON rejections (reason, id);
CREATE INDEX rejections_by_user ON rejections (user_id) WHERE user_id IS NOT NULL;

-- How many events were rejected in an hour. An empty text means that there was no event name or no key.
CREATE TABLE rejection_counts (
  -- Its beginning, in epoch milliseconds.
  hour       INTEGER NOT NULL,
  reason     TEXT    NOT NULL,
  event      TEXT    NOT NULL,
  source     TEXT    NOT NULL,
  rejections INTEGER NOT NULL,
  PRIMARY KEY (hour, reason, event, source)
) WITHOUT ROWID;

-- Users who were erased a short time ago, so that rejections that an isolate still held are not stored.
CREATE TABLE rejections_erased (
  user_id   TEXT    PRIMARY KEY,
  -- In epoch milliseconds.
  erased_at INTEGER NOT NULL
) WITHOUT ROWID;
