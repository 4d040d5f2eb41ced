-- Long jobs that one node does at a time. `token` grows with each taking: what an earlier holder writes is refused.
-- `lease_end` is on the clock of the database. `cursor` and `report` are the job's own.
CREATE TABLE jobs (
  kind BIGINT PRIMARY KEY, holder BYTEA, token BIGINT NOT NULL, lease_end BIGINT NOT NULL, paused BIGINT NOT NULL,
  asked BIGINT NOT NULL, answered BIGINT NOT NULL, cursor BYTEA NOT NULL, report BYTEA NOT NULL,
  started BIGINT, finished BIGINT, last_full BIGINT
);
