-- The store that holds the bodies of this index, by the id in its marker, and how far the index has come. One row at most.
CREATE TABLE store (
  one INTEGER PRIMARY KEY CHECK (one = 1), id BLOB NOT NULL, generation INTEGER NOT NULL
) STRICT;
