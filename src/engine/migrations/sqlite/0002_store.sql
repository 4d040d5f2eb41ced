-- The store that holds the bodies of this index, by the id in its marker, and how far the index has come. One row at most.
CREATE TABLE store (
  one INTEGER PRIMARY KEY CHECK (one = 1), id BLOB NOT NULL, generation INTEGER NOT NULL
) STRICT;

-- Written by each question whether a write would succeed.
CREATE TABLE probe (one INTEGER PRIMARY KEY CHECK (one = 1), asked INTEGER NOT NULL, filler BLOB) STRICT;
INSERT INTO probe VALUES (1, 0, NULL);
