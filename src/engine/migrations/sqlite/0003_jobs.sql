-- Long jobs that one node does at a time. `token` grows with each taking: what an earlier holder writes is refused.
-- `lease_end` is on the clock of the database's host. `cursor` and `report` are the job's own.
CREATE TABLE jobs (
  kind INTEGER PRIMARY KEY, holder BLOB, token INTEGER NOT NULL, lease_end INTEGER NOT NULL, paused INTEGER NOT NULL,
  asked INTEGER NOT NULL, answered INTEGER NOT NULL, cursor BLOB NOT NULL, report BLOB NOT NULL,
  started INTEGER, finished INTEGER, last_full INTEGER
) STRICT;
