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
  -- By the writer's clock, in epoch milliseconds.
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
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  name TEXT NOT NULL
);

INSERT INTO incarnation (id, name) VALUES (1, lower(hex(randomblob(8))));
