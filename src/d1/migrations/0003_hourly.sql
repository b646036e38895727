-- Counters: what a chart reads, so that it need not read events. They are kept for longer than D1 keeps the events.

-- How many events happened in an hour, by name and key. `src/stats/` counts a touched hour anew from `events`.
CREATE TABLE hourly (
  -- Its beginning, in epoch milliseconds.
  hour   INTEGER NOT NULL,
  -- Empty for the rest of an hour that has more names than are kept apart.
  event  TEXT    NOT NULL,
  -- The name of the write key; empty where none was needed.
  source TEXT    NOT NULL,
  events INTEGER NOT NULL,
  -- Distinct users of this hour, event and key. Sums of them mean nothing.
  users  INTEGER NOT NULL,
  PRIMARY KEY (hour, event, source)
) WITHOUT ROWID;

-- Distinct users of a day, whatever they did. The day begins at midnight UTC, here in epoch milliseconds.
CREATE TABLE daily (
  day   INTEGER PRIMARY KEY,
  users INTEGER NOT NULL
);

-- Days on which another database may have events of the same users, since their logs have moved: their users cannot be
-- added up.
CREATE TABLE shared_days (day INTEGER PRIMARY KEY);

-- What has to be counted anew: hours and days in which events came or were erased since they were counted.
CREATE TABLE stale_hours (hour INTEGER PRIMARY KEY);
CREATE TABLE stale_days (day INTEGER PRIMARY KEY);

-- How far the feed has been looked at.
CREATE TABLE rollup (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  -- The statement of the feed that was looked at last.
  position      INTEGER NOT NULL,
  -- Where the look that is under way ends. Only used within one transaction.
  next          INTEGER NOT NULL,
  -- Events that happened before this time (epoch milliseconds) have begun to leave D1: these hours can only be added to.
  sealed_before INTEGER NOT NULL
);

INSERT INTO rollup (id, position, next, sealed_before) VALUES (1, 0, 0, 0);

-- What the Workers have answered, by the hour of the answer. Roughly: an isolate that ends takes its last seconds along.
CREATE TABLE tallies (
  hour   INTEGER NOT NULL,
  -- 'verdict' with created, updated, duplicate, suppressed or rejected; 'status' with a response's status.
  kind   TEXT    NOT NULL,
  name   TEXT    NOT NULL,
  -- The name of the write key; empty where none was needed or known.
  source TEXT    NOT NULL,
  count  INTEGER NOT NULL,
  PRIMARY KEY (hour, kind, name, source)
) WITHOUT ROWID;
