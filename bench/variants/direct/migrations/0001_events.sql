CREATE TABLE events (
  id          INTEGER PRIMARY KEY,
  user_id     TEXT    NOT NULL,
  event       TEXT    NOT NULL,
  timestamp   INTEGER NOT NULL,
  message_id  TEXT    NOT NULL,
  properties  TEXT    NOT NULL,
  context     TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  UNIQUE (user_id, timestamp, event, message_id)
);
