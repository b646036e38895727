-- What a team queries: a row for each event of every user. The user's Durable Object is the log of record, this its copy.
-- The rows are ordered by time, so that a question about a day reads a day, and so that new rows go to the table's end.
CREATE TABLE events (
  -- When it happened, in epoch milliseconds.
  timestamp   INTEGER NOT NULL,
  -- Which log of the user the event is in: a random number, another one after the user was erased.
  generation  INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  user_id     TEXT    NOT NULL,
  revision    INTEGER NOT NULL,
  event       TEXT    NOT NULL,
  message_id  TEXT,
  properties  TEXT    NOT NULL,
  context     TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  source      TEXT,
  -- When this revision was written here, in epoch milliseconds.
  written_at  INTEGER NOT NULL,
  -- The user stands in the key so that two logs that drew the same number would still have rows of their own.
  PRIMARY KEY (timestamp, generation, seq, user_id)
) WITHOUT ROWID;

-- What was written to `events`, in the order of the statements: a row for each statement, and one for each erasure.
CREATE TABLE feed (
  position   INTEGER PRIMARY KEY,
  -- By the writer's clock, in epoch milliseconds, but never before the row before it.
  written_at INTEGER NOT NULL,
  -- How many keys there are.
  events     INTEGER NOT NULL,
  -- JSON: [[timestamp, generation, seq, revision], …]. No user's id, so that nothing here has to be erased.
  keys       TEXT    NOT NULL,
  -- The generation that was erased; null for events.
  erased     INTEGER
);

-- Logs that were erased. Statements that insert leave their rows out, so that a late one brings nobody back.
CREATE TABLE erased (
  generation INTEGER NOT NULL,
  user_id    TEXT    NOT NULL,
  -- In epoch milliseconds.
  erased_at  INTEGER NOT NULL,
  PRIMARY KEY (generation, user_id)
) WITHOUT ROWID;

-- Which life of this database it is. A cursor of the feed names it; a rebuilt or restored database gets another.
CREATE TABLE incarnation (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  name  TEXT    NOT NULL,
  -- Raised when events are given up for another database: insertions that were sent before then bring none of them back.
  epoch INTEGER NOT NULL DEFAULT 0
);

INSERT INTO incarnation (id, name) VALUES (1, lower(hex(randomblob(8))));

-- For the sweep, which removes the oldest.
CREATE INDEX erased_by_time ON erased (erased_at);

-- For those who query. A view that groups reads the whole table; `events_readable` reads what a bound on `timestamp` leaves.

-- The same rows with their times in UTC: ISO-8601, the day, and the Monday of the week.
CREATE VIEW events_readable AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%fZ', timestamp / 1000.0, 'unixepoch') AS time,
  date(timestamp / 1000, 'unixepoch') AS day,
  date(timestamp / 1000, 'unixepoch', 'weekday 0', '-6 days') AS week,
  user_id, event, properties, context, message_id, source, seq, revision, generation, timestamp,
  strftime('%Y-%m-%dT%H:%M:%fZ', received_at / 1000.0, 'unixepoch') AS received,
  strftime('%Y-%m-%dT%H:%M:%fZ', written_at / 1000.0, 'unixepoch') AS written
FROM events;

-- A row a user, with the latest documented properties that D1 knows of. Segment's identify spells two of them otherwise.
CREATE VIEW users AS
SELECT
  user_id,
  strftime('%Y-%m-%dT%H:%M:%fZ', min(timestamp) / 1000.0, 'unixepoch') AS first_seen,
  strftime('%Y-%m-%dT%H:%M:%fZ', max(timestamp) / 1000.0, 'unixepoch') AS last_seen,
  count(*) AS events,
  -- The order by time stands before each value in fixed width: the greatest text has the latest one.
  substr(max(place || email), 33) AS email,
  substr(max(place || name), 33) AS name,
  substr(max(place || first_name), 33) AS first_name,
  substr(max(place || last_name), 33) AS last_name
FROM (
  SELECT
    user_id, timestamp,
    printf('%016d%016d', timestamp, seq) AS place,
    properties ->> 'email' AS email,
    properties ->> 'name' AS name,
    coalesce(properties ->> 'first_name', iif(event = 'identify', properties ->> 'firstName', NULL)) AS first_name,
    coalesce(properties ->> 'last_name', iif(event = 'identify', properties ->> 'lastName', NULL)) AS last_name
  FROM events)
GROUP BY user_id;

-- Which anonymous id turned out to be which user: from events that carry both ids, and from Segment's alias. A device
-- that several people share has several rows.
CREATE VIEW identities AS
SELECT
  anonymous_id,
  user_id,
  strftime('%Y-%m-%dT%H:%M:%fZ', min(timestamp) / 1000.0, 'unixepoch') AS first_seen,
  strftime('%Y-%m-%dT%H:%M:%fZ', max(timestamp) / 1000.0, 'unixepoch') AS last_seen
FROM (
  SELECT CAST(context ->> 'anonymousId' AS TEXT) AS anonymous_id, user_id, timestamp FROM events
  UNION ALL
  SELECT CAST(properties ->> 'previous_id' AS TEXT), user_id, timestamp FROM events WHERE event = 'alias')
WHERE anonymous_id <> user_id
GROUP BY anonymous_id, user_id;
