-- The table that a team queries, with one row for each event of every user. It is a copy; each user's Durable Object
-- has the authoritative log. The rows are sorted by time, so that a query for a day reads one day, and new rows go to
-- the end.
CREATE TABLE events (
  -- When it happened, in epoch milliseconds.
  timestamp   INTEGER NOT NULL,
  -- Which log of the user the event is in. It is a random number, and the user gets a new one after an erasure.
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
  -- The key includes the user, so that two logs with the same random number still have different rows.
  PRIMARY KEY (timestamp, generation, seq, user_id)
) WITHOUT ROWID;

-- What was written to `events`, in the order of the statements. Each statement has a row, and so has each erasure.
CREATE TABLE feed (
  position   INTEGER PRIMARY KEY,
  -- The time of the writer's clock, in epoch milliseconds, but never earlier than the previous row's.
  written_at INTEGER NOT NULL,
  -- How many keys there are.
  events     INTEGER NOT NULL,
  -- JSON: [[timestamp, generation, seq, revision], …]. It has no user's id, so that nothing here has to be erased.
  keys       TEXT    NOT NULL,
  -- The generation that was erased; null for events.
  erased     INTEGER
);

-- Logs that were erased. Insertions leave their rows out, so that a late one does not bring a user back.
CREATE TABLE erased (
  generation INTEGER NOT NULL,
  user_id    TEXT    NOT NULL,
  -- In epoch milliseconds.
  erased_at  INTEGER NOT NULL,
  PRIMARY KEY (generation, user_id)
) WITHOUT ROWID;

-- The incarnation of this database. It is part of the feed's cursors, and a rebuilt or restored database gets a new
-- one.
CREATE TABLE incarnation (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  name  TEXT    NOT NULL,
  -- Raised when events move to another database, so that insertions that were sent before cannot bring them back.
  epoch INTEGER NOT NULL DEFAULT 0
);

INSERT INTO incarnation (id, name) VALUES (1, lower(hex(randomblob(8))));

-- For the removal of old tombstones.
CREATE INDEX erased_by_time ON erased (erased_at);

-- The views are for people who query. `users` and `identities` read the whole table. `events_readable` only reads the
-- rows that a condition on `timestamp` selects.

-- The same rows with their times in UTC as ISO-8601, the day, and the Monday of the week.
CREATE VIEW events_readable AS
SELECT
  strftime('%Y-%m-%dT%H:%M:%fZ', timestamp / 1000.0, 'unixepoch') AS time,
  date(timestamp / 1000, 'unixepoch') AS day,
  date(timestamp / 1000, 'unixepoch', 'weekday 0', '-6 days') AS week,
  user_id, event, properties, context, message_id, source, seq, revision, generation, timestamp,
  strftime('%Y-%m-%dT%H:%M:%fZ', received_at / 1000.0, 'unixepoch') AS received,
  strftime('%Y-%m-%dT%H:%M:%fZ', written_at / 1000.0, 'unixepoch') AS written
FROM events;

-- One row for each user, with the latest documented properties in D1. Segment's identify spells two of them
-- differently.
CREATE VIEW users AS
SELECT
  user_id,
  strftime('%Y-%m-%dT%H:%M:%fZ', min(timestamp) / 1000.0, 'unixepoch') AS first_seen,
  strftime('%Y-%m-%dT%H:%M:%fZ', max(timestamp) / 1000.0, 'unixepoch') AS last_seen,
  count(*) AS events,
  -- Each value has its time and number in front of it, in fixed width, so that the greatest text has the latest value.
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

-- Which anonymous id belongs to which user, from events that have both ids and from Segment's alias. A device that
-- several people share has several rows.
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
