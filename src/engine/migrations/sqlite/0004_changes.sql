-- Keys of rows that have changed since the journal of the backup was last shipped, in the order of their commits. Written by
-- triggers that are there while a backup is kept. `place` names the table; its key's columns lie in those of their kind.
CREATE TABLE changes (
  id INTEGER PRIMARY KEY AUTOINCREMENT, place TEXT NOT NULL, b1 BLOB, b2 BLOB, n1 INTEGER, n2 INTEGER, t1 TEXT, t2 TEXT
) STRICT;
-- `noted`: which tables the triggers are for; 0 while there are none.
INSERT INTO counters VALUES ('noted', 0);
