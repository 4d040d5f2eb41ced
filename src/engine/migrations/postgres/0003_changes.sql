-- Keys of rows that have changed since the journal of the backup was last shipped. Written by triggers that are there
-- while a backup is kept. `place` names the table; its key's columns lie in those of their kind. `by` is the transaction:
-- who has shipped forgets exactly what was committed when they looked.
CREATE TABLE changes (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, by XID8 NOT NULL DEFAULT pg_current_xact_id(), place TEXT NOT NULL,
  b1 BYTEA, b2 BYTEA, n1 BIGINT, n2 BIGINT, t1 TEXT, t2 TEXT
);
-- `noted`: which tables the triggers are for; 0 while there are none.
INSERT INTO counters VALUES ('noted', 0);
