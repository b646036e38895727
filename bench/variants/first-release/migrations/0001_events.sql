-- What a team queries: a row per event of every user. The user's Durable Object is the log of record, this its copy.
CREATE TABLE events (
  -- The place in the feed: higher than any that a reader can have seen. An update moves its row to the end.
  position    INTEGER PRIMARY KEY,
  user_id     TEXT    NOT NULL,
  -- When the user's log was begun, in epoch milliseconds; another one after the user was erased.
  generation  INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  revision    INTEGER NOT NULL,
  event       TEXT    NOT NULL,
  timestamp   INTEGER NOT NULL,
  message_id  TEXT,
  properties  TEXT    NOT NULL,
  context     TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  source      TEXT,
  UNIQUE (user_id, generation, seq)
);

-- The highest position that removed rows may have had. Without it, removing the newest row would hand its
-- position to the next one, and a reader whose cursor stands there would miss that.
CREATE TABLE feed_floor (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  position INTEGER NOT NULL
);

INSERT INTO feed_floor (id, position) VALUES (1, 0);
