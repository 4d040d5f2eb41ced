-- The first schema: the tables of the other engines, with what PostgreSQL needs besides. A step that has been released
-- is never edited: what comes later is a step of its own. The schema that holds all of it is the first in the search path.
-- Ids are 16 bytes, tokens and MACs 32, times microseconds since 1970, enumerations the numbers of `domain`.

CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
-- `base`: what is added to a transaction's number for a change mark. `horizon`: tombstones up to this mark may be forgotten.
-- `epoch`: see `DirectoryChanges`. `system`, `timeline`: the cluster that the marks are from.
INSERT INTO counters VALUES ('base', 0), ('horizon', 0), ('epoch', 1), ('system', 0), ('timeline', 0);

-- Marks are numbers of transactions: what has a smaller one than the oldest running transaction is there to be seen.
CREATE FUNCTION next_mark() RETURNS BIGINT LANGUAGE sql VOLATILE AS
  $$ SELECT pg_current_xact_id()::text::bigint + value FROM counters WHERE name = 'base' $$;
-- The newest mark of which nothing is missing in the snapshot of whoever asks.
CREATE FUNCTION settled_mark() RETURNS BIGINT LANGUAGE sql STABLE AS
  $$ SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 + value FROM counters WHERE name = 'base' $$;

CREATE TABLE tenants (
  id BYTEA PRIMARY KEY, name TEXT COLLATE "C" NOT NULL UNIQUE, facility TEXT, standing BIGINT NOT NULL, created BIGINT NOT NULL
);

CREATE TABLE keks (
  tenant BYTEA NOT NULL, purpose BIGINT NOT NULL, version BIGINT NOT NULL, state BIGINT NOT NULL,
  provider TEXT NOT NULL, wrapped BYTEA NOT NULL, created BIGINT NOT NULL,
  PRIMARY KEY (tenant, purpose, version)
);

CREATE TABLE secrets (
  tenant BYTEA NOT NULL, kind BIGINT NOT NULL, epoch BIGINT NOT NULL, kek_version BIGINT NOT NULL, wrapped BYTEA NOT NULL,
  PRIMARY KEY (tenant, kind, epoch)
);

CREATE TABLE principals (
  id BYTEA PRIMARY KEY, tenant BYTEA NOT NULL, name TEXT COLLATE "C" NOT NULL, kind BIGINT NOT NULL, standing BIGINT NOT NULL,
  kek_version BIGINT NOT NULL, sealed_profile BYTEA NOT NULL, created BIGINT NOT NULL, revision BIGINT NOT NULL, mac BYTEA NOT NULL,
  UNIQUE (tenant, name)
);

CREATE TABLE access_keys (
  access_key TEXT COLLATE "C" PRIMARY KEY, tenant BYTEA NOT NULL, principal BYTEA NOT NULL, standing BIGINT NOT NULL,
  kek_version BIGINT NOT NULL, wrapped_secret BYTEA NOT NULL, created BIGINT NOT NULL, expires BIGINT,
  revision BIGINT NOT NULL, mac BYTEA NOT NULL
);
CREATE INDEX access_keys_of_tenant ON access_keys (tenant, principal);

CREATE TABLE buckets (
  id BYTEA PRIMARY KEY, tenant BYTEA NOT NULL, name TEXT COLLATE "C" NOT NULL, mode BIGINT NOT NULL, versioning BIGINT NOT NULL,
  standing BIGINT NOT NULL, default_class TEXT, created BIGINT NOT NULL, kek_version BIGINT NOT NULL, revision BIGINT NOT NULL, mac BYTEA NOT NULL,
  UNIQUE (tenant, name)
);

-- The columns `…_next` hold tokens of the next secret while a campaign replaces it.
CREATE TABLE entries (
  id BYTEA NOT NULL UNIQUE, bucket BYTEA NOT NULL, key BYTEA NOT NULL, key_next BYTEA, directory BYTEA NOT NULL, directory_next BYTEA,
  kek_version BIGINT NOT NULL, sealed_name BYTEA NOT NULL,
  current_version BYTEA NOT NULL, current_kind BIGINT NOT NULL, current_size BIGINT NOT NULL, current_etag BYTEA NOT NULL,
  current_parts BIGINT NOT NULL, current_modified BIGINT NOT NULL,
  revision BIGINT NOT NULL, mac BYTEA NOT NULL, mark BIGINT NOT NULL,
  UNIQUE (bucket, key)
);
CREATE INDEX entries_of_directory ON entries (bucket, directory, mark);

CREATE TABLE directories (
  id BYTEA NOT NULL, bucket BYTEA NOT NULL, directory BYTEA NOT NULL, directory_next BYTEA, parent BYTEA NOT NULL, parent_next BYTEA,
  kek_version BIGINT NOT NULL, sealed_name BYTEA NOT NULL, live BIGINT NOT NULL, total BIGINT NOT NULL, mark BIGINT NOT NULL,
  PRIMARY KEY (bucket, directory)
);
-- The counters change with each key: room to do that in place.
ALTER TABLE directories SET (fillfactor = 50);
CREATE INDEX directories_of_parent ON directories (bucket, parent, mark);

-- What has gone from a directory, for caches that were filled before. A transaction can take several things away.
CREATE TABLE tombstones (
  mark BIGINT NOT NULL, bucket BYTEA NOT NULL, parent BYTEA NOT NULL, id BYTEA NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (mark, id)
);
CREATE INDEX tombstones_of_parent ON tombstones (bucket, parent, mark);

-- Sealed sorted runs of huge directories. `state`: 1 under way, 2 the directory's run, 3 ended: its pages go, then the row.
-- What is known only of a whole run is null before.
CREATE TABLE runs (
  run BYTEA PRIMARY KEY, bucket BYTEA NOT NULL, directory BYTEA NOT NULL, state BIGINT NOT NULL, begun BIGINT NOT NULL,
  epoch BIGINT, mark BIGINT, pages BIGINT, items BIGINT, kek_version BIGINT, sealed_path BYTEA
);
CREATE UNIQUE INDEX runs_whole ON runs (bucket, directory) WHERE state = 2;
CREATE UNIQUE INDEX runs_under_way ON runs (bucket, directory) WHERE state = 1;
CREATE INDEX runs_by_state ON runs (state, begun);
CREATE TABLE run_pages (run BYTEA NOT NULL, page BIGINT NOT NULL, sealed BYTEA NOT NULL, PRIMARY KEY (run, page));

-- `seq` is drawn while the entry is locked, so the versions of a key are numbered in the order of their commits.
CREATE TABLE versions (
  seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  id BYTEA NOT NULL UNIQUE, bucket BYTEA NOT NULL, entry BYTEA NOT NULL, kind BIGINT NOT NULL, nullness BIGINT NOT NULL,
  created BIGINT NOT NULL, size BIGINT NOT NULL, etag BYTEA NOT NULL, etag_parts BIGINT NOT NULL, state BIGINT NOT NULL, class TEXT,
  retention_rule TEXT, retention_event TEXT, retention_started BIGINT, retention_until BIGINT, hold BIGINT,
  patient BYTEA, patient_next BYTEA, enterer BYTEA NOT NULL, parent BYTEA,
  kek_version BIGINT NOT NULL, sealed_attributes BYTEA NOT NULL, sealed_tags BYTEA,
  attempt BYTEA NOT NULL, blob BYTEA, "offset" BIGINT, length BIGINT,
  stream_length BIGINT NOT NULL, manifest_length BIGINT NOT NULL, stored_crc BIGINT NOT NULL, parts BIGINT NOT NULL,
  revision BIGINT NOT NULL, mac BYTEA NOT NULL
);
CREATE INDEX versions_of_entry ON versions (entry, seq);
CREATE INDEX versions_null ON versions (entry) WHERE nullness = 1;
CREATE INDEX versions_of_patient ON versions (patient) WHERE patient IS NOT NULL;
CREATE INDEX versions_of_blob ON versions (blob) WHERE blob IS NOT NULL;

-- `seq` is that of the version: rewrapping goes through the table from one end to the other.
CREATE TABLE deks (seq BIGINT PRIMARY KEY, version BYTEA NOT NULL, kek_version BIGINT NOT NULL, wrapped BYTEA NOT NULL);
CREATE INDEX deks_of_kek ON deks (kek_version);

CREATE TABLE parts (
  version BYTEA NOT NULL, number BIGINT NOT NULL, attempt BYTEA NOT NULL, blob BYTEA NOT NULL, blob_offset BIGINT NOT NULL,
  blob_length BIGINT NOT NULL, "offset" BIGINT NOT NULL, length BIGINT NOT NULL, stream_length BIGINT NOT NULL,
  stored_crc BIGINT NOT NULL, sealed_checksums BYTEA NOT NULL, kek_version BIGINT NOT NULL, mac BYTEA NOT NULL,
  PRIMARY KEY (version, number)
);
CREATE INDEX parts_by_offset ON parts (version, "offset");
CREATE INDEX parts_of_blob ON parts (blob);

CREATE TABLE uploads (
  id BYTEA NOT NULL UNIQUE, bucket BYTEA NOT NULL, tenant BYTEA NOT NULL, key BYTEA NOT NULL, key_next BYTEA, version BYTEA NOT NULL,
  initiator BYTEA NOT NULL, created BIGINT NOT NULL, touched BIGINT NOT NULL, state BIGINT NOT NULL,
  checksum_algorithm TEXT, checksum_composite BIGINT, kek_version BIGINT NOT NULL, sealed_attributes BYTEA NOT NULL, sealed_tags BYTEA,
  dek_kek_version BIGINT NOT NULL, wrapped_dek BYTEA NOT NULL, revision BIGINT NOT NULL, mac BYTEA NOT NULL
);
CREATE INDEX uploads_of_bucket ON uploads (bucket, created);
CREATE INDEX uploads_by_touch ON uploads (touched);
CREATE INDEX uploads_of_kek ON uploads (dek_kek_version);

CREATE TABLE upload_parts (
  upload BYTEA NOT NULL, number BIGINT NOT NULL, attempt BYTEA NOT NULL, blob BYTEA NOT NULL, blob_offset BIGINT NOT NULL,
  blob_length BIGINT NOT NULL, length BIGINT NOT NULL, stream_length BIGINT NOT NULL, stored_crc BIGINT NOT NULL,
  etag BYTEA NOT NULL, etag_parts BIGINT NOT NULL, sealed_checksums BYTEA NOT NULL, modified BIGINT NOT NULL,
  kek_version BIGINT NOT NULL, mac BYTEA NOT NULL,
  PRIMARY KEY (upload, number)
);
CREATE INDEX upload_parts_of_blob ON upload_parts (blob);

CREATE TABLE journal (
  row BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  tenant BYTEA NOT NULL, event BYTEA NOT NULL, leaf_hash BYTEA NOT NULL,
  event_key BYTEA NOT NULL, sealed BYTEA NOT NULL, at BIGINT NOT NULL, position BIGINT,
  UNIQUE (tenant, event)
);
CREATE UNIQUE INDEX journal_positions ON journal (tenant, position) WHERE position IS NOT NULL;
CREATE INDEX journal_of_tenant ON journal (tenant, row);

CREATE TABLE event_keys (
  tenant BYTEA NOT NULL, id BYTEA NOT NULL, node BYTEA NOT NULL, created BIGINT NOT NULL, kek_version BIGINT NOT NULL, wrapped BYTEA NOT NULL,
  PRIMARY KEY (tenant, id)
);

CREATE TABLE provider_log (
  minute BIGINT NOT NULL, reason TEXT COLLATE "C" NOT NULL, network TEXT COLLATE "C" NOT NULL, count BIGINT NOT NULL,
  PRIMARY KEY (minute, reason, network)
);

CREATE TABLE condemned (blob BYTEA PRIMARY KEY, at BIGINT NOT NULL);
CREATE INDEX condemned_by_time ON condemned (at, blob);

-- The store that holds the bodies of this index, by the id in its marker, and how far the index has come. One row at most.
CREATE TABLE store (one BIGINT PRIMARY KEY CHECK (one = 1), id BYTEA NOT NULL, generation BIGINT NOT NULL);

-- Written by each question whether a write would succeed.
CREATE TABLE probe (one BIGINT PRIMARY KEY CHECK (one = 1), asked BIGINT NOT NULL, filler BYTEA);
INSERT INTO probe VALUES (1, 0, NULL);
