-- Counters for charts, which then need not read the events. They are kept longer than D1 keeps the events.

-- How many events happened in an hour, by name and key. `src/stats/` counts an hour again from `events` when it
-- changes.
CREATE TABLE hourly (
  -- Its beginning, in epoch milliseconds.
  hour   INTEGER NOT NULL,
  -- Empty for the events whose names are not counted separately, if an hour has too many names.
  event  TEXT    NOT NULL,
  -- The name of the write key; empty if none was needed.
  source TEXT    NOT NULL,
  events INTEGER NOT NULL,
  -- Distinct users of this hour, event and key. They must not be added up, because the same user may be in several
  -- rows.
  users  INTEGER NOT NULL,
  PRIMARY KEY (hour, event, source)
) WITHOUT ROWID;

-- Distinct users of a day over all events. `day` is its beginning at midnight UTC, in epoch milliseconds.
CREATE TABLE daily (
  day   INTEGER PRIMARY KEY,
  users INTEGER NOT NULL
);

-- Days on which another database may have events of the same users, because their logs have moved. The distinct users
-- of these days cannot be added up over the databases.
CREATE TABLE shared_days (day INTEGER PRIMARY KEY);

-- Hours and days that have to be counted again, because events in them were written or erased after the last count.
CREATE TABLE stale_hours (hour INTEGER PRIMARY KEY);
CREATE TABLE stale_days (day INTEGER PRIMARY KEY);

-- How far the feed has been read for the counters.
CREATE TABLE rollup (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  -- The last statement of the feed that was read.
  position      INTEGER NOT NULL,
  -- The last statement that the current run reads. Only used within one transaction.
  next          INTEGER NOT NULL,
  -- Events from before this time (epoch milliseconds) have begun to leave D1, so these hours can only be added to.
  sealed_before INTEGER NOT NULL
);

INSERT INTO rollup (id, position, next, sealed_before) VALUES (1, 0, 0, 0);

-- What the Workers have answered, by the hour of the answer. The counts are approximate, because an isolate that is
-- evicted loses its last seconds.
CREATE TABLE tallies (
  hour   INTEGER NOT NULL,
  -- 'verdict' with created, updated, duplicate, suppressed or rejected; 'status' with a response's status.
  kind   TEXT    NOT NULL,
  name   TEXT    NOT NULL,
  -- The name of the write key; empty if none was needed or the key is not known.
  source TEXT    NOT NULL,
  count  INTEGER NOT NULL,
  PRIMARY KEY (hour, kind, name, source)
) WITHOUT ROWID;
