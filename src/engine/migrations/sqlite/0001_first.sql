-- The first schema. A step that has been released is never edited: what comes later is a step of its own.
-- Ids are 16 bytes, tokens and MACs 32, times microseconds since 1970, enumerations the numbers of `domain`.

CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- `mark`: the newest change mark. `horizon`: tombstones up to this mark may be forgotten. `epoch`: see `DirectoryChanges`.
INSERT INTO counters VALUES ('mark', 0), ('horizon', 0), ('epoch', 1);

CREATE TABLE tenants (
  id BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, facility TEXT, standing INTEGER NOT NULL, created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keks (
  tenant BLOB NOT NULL, purpose INTEGER NOT NULL, version INTEGER NOT NULL, state INTEGER NOT NULL,
  provider TEXT NOT NULL, wrapped BLOB NOT NULL, created INTEGER NOT NULL,
  PRIMARY KEY (tenant, purpose, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
  tenant BLOB NOT NULL, kind INTEGER NOT NULL, epoch INTEGER NOT NULL, kek_version INTEGER NOT NULL, wrapped BLOB NOT NULL,
  PRIMARY KEY (tenant, kind, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE principals (
  id BLOB PRIMARY KEY, tenant BLOB NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL, standing INTEGER NOT NULL,
  kek_version INTEGER NOT NULL, sealed_profile BLOB NOT NULL, created INTEGER NOT NULL, revision INTEGER NOT NULL, mac BLOB NOT NULL,
  UNIQUE (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_keys (
  access_key TEXT PRIMARY KEY, tenant BLOB NOT NULL, principal BLOB NOT NULL, standing INTEGER NOT NULL,
  kek_version INTEGER NOT NULL, wrapped_secret BLOB NOT NULL, created INTEGER NOT NULL, expires INTEGER,
  revision INTEGER NOT NULL, mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_keys_of_tenant ON access_keys (tenant, principal);

CREATE TABLE buckets (
  id BLOB PRIMARY KEY, tenant BLOB NOT NULL, name TEXT NOT NULL, mode INTEGER NOT NULL, versioning INTEGER NOT NULL,
  standing INTEGER NOT NULL, default_class TEXT, created INTEGER NOT NULL, kek_version INTEGER NOT NULL, revision INTEGER NOT NULL, mac BLOB NOT NULL,
  UNIQUE (tenant, name)
) STRICT, WITHOUT ROWID;

-- Wide rows lie in the order they came, found by narrow indexes: a row clustered by a random id would spread every
-- commit over the whole file, and leave room for four branches in a node.

-- The columns `…_next` hold tokens of the next secret while a campaign replaces it.
CREATE TABLE entries (
  id BLOB NOT NULL UNIQUE, bucket BLOB NOT NULL, key BLOB NOT NULL, key_next BLOB, directory BLOB NOT NULL, directory_next BLOB,
  kek_version INTEGER NOT NULL, sealed_name BLOB NOT NULL,
  current_version BLOB NOT NULL, current_kind INTEGER NOT NULL, current_size INTEGER NOT NULL, current_etag BLOB NOT NULL,
  current_parts INTEGER NOT NULL, current_modified INTEGER NOT NULL,
  revision INTEGER NOT NULL, mac BLOB NOT NULL, mark INTEGER NOT NULL,
  UNIQUE (bucket, key)
) STRICT;
CREATE INDEX entries_of_directory ON entries (bucket, directory, mark);

CREATE TABLE directories (
  id BLOB NOT NULL, bucket BLOB NOT NULL, directory BLOB NOT NULL, directory_next BLOB, parent BLOB NOT NULL, parent_next BLOB,
  kek_version INTEGER NOT NULL, sealed_name BLOB NOT NULL, live INTEGER NOT NULL, total INTEGER NOT NULL, mark INTEGER NOT NULL,
  PRIMARY KEY (bucket, directory)
) STRICT, WITHOUT ROWID;
CREATE INDEX directories_of_parent ON directories (bucket, parent, mark);

-- What has gone from a directory, for caches that were filled before.
CREATE TABLE tombstones (
  mark INTEGER PRIMARY KEY, bucket BLOB NOT NULL, parent BLOB NOT NULL, id BLOB NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE INDEX tombstones_of_parent ON tombstones (bucket, parent);

-- Sealed sorted runs of huge directories. `state`: 1 under way, 2 the directory's run, 3 ended: its pages go, then the row.
-- What is known only of a whole run is null before.
CREATE TABLE runs (
  run BLOB PRIMARY KEY, bucket BLOB NOT NULL, directory BLOB NOT NULL, state INTEGER NOT NULL, begun INTEGER NOT NULL,
  epoch INTEGER, mark INTEGER, pages INTEGER, items INTEGER, kek_version INTEGER, sealed_path BLOB
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX runs_whole ON runs (bucket, directory) WHERE state = 2;
CREATE UNIQUE INDEX runs_under_way ON runs (bucket, directory) WHERE state = 1;
CREATE INDEX runs_by_state ON runs (state, begun);
CREATE TABLE run_pages (run BLOB NOT NULL, page INTEGER NOT NULL, sealed BLOB NOT NULL, UNIQUE (run, page)) STRICT;

CREATE TABLE versions (
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, bucket BLOB NOT NULL, entry BLOB NOT NULL, kind INTEGER NOT NULL, nullness INTEGER NOT NULL,
  created INTEGER NOT NULL, size INTEGER NOT NULL, etag BLOB NOT NULL, etag_parts INTEGER NOT NULL, state INTEGER NOT NULL, class TEXT,
  retention_rule TEXT, retention_event TEXT, retention_started INTEGER, retention_until INTEGER, hold INTEGER,
  patient BLOB, patient_next BLOB, enterer BLOB NOT NULL, parent BLOB,
  kek_version INTEGER NOT NULL, sealed_attributes BLOB NOT NULL, sealed_tags BLOB,
  attempt BLOB NOT NULL, blob BLOB, offset INTEGER, length INTEGER,
  stream_length INTEGER NOT NULL, manifest_length INTEGER NOT NULL, stored_crc INTEGER NOT NULL, parts INTEGER NOT NULL,
  revision INTEGER NOT NULL, mac BLOB NOT NULL
) STRICT;
-- Each index ends in `seq` by itself.
CREATE INDEX versions_of_entry ON versions (entry);
CREATE INDEX versions_null ON versions (entry) WHERE nullness = 1;
CREATE INDEX versions_of_patient ON versions (patient) WHERE patient IS NOT NULL;
CREATE INDEX versions_of_blob ON versions (blob) WHERE blob IS NOT NULL;

-- `seq` is that of the version: rewrapping goes through the file from one end to the other.
CREATE TABLE deks (seq INTEGER PRIMARY KEY, version BLOB NOT NULL, kek_version INTEGER NOT NULL, wrapped BLOB NOT NULL) STRICT;
CREATE INDEX deks_of_kek ON deks (kek_version);

CREATE TABLE parts (
  version BLOB NOT NULL, number INTEGER NOT NULL, attempt BLOB NOT NULL, blob BLOB NOT NULL, blob_offset INTEGER NOT NULL,
  blob_length INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, stream_length INTEGER NOT NULL,
  stored_crc INTEGER NOT NULL, sealed_checksums BLOB NOT NULL, kek_version INTEGER NOT NULL, mac BLOB NOT NULL,
  PRIMARY KEY (version, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX parts_by_offset ON parts (version, offset);
CREATE INDEX parts_of_blob ON parts (blob);

CREATE TABLE uploads (
  id BLOB NOT NULL UNIQUE, bucket BLOB NOT NULL, tenant BLOB NOT NULL, key BLOB NOT NULL, key_next BLOB, version BLOB NOT NULL,
  initiator BLOB NOT NULL, created INTEGER NOT NULL, touched INTEGER NOT NULL, state INTEGER NOT NULL,
  checksum_algorithm TEXT, checksum_composite INTEGER, kek_version INTEGER NOT NULL, sealed_attributes BLOB NOT NULL, sealed_tags BLOB,
  dek_kek_version INTEGER NOT NULL, wrapped_dek BLOB NOT NULL, revision INTEGER NOT NULL, mac BLOB NOT NULL
) STRICT;
CREATE INDEX uploads_of_bucket ON uploads (bucket, created);
CREATE INDEX uploads_by_touch ON uploads (touched);
CREATE INDEX uploads_of_kek ON uploads (dek_kek_version);

CREATE TABLE upload_parts (
  upload BLOB NOT NULL, number INTEGER NOT NULL, attempt BLOB NOT NULL, blob BLOB NOT NULL, blob_offset INTEGER NOT NULL,
  blob_length INTEGER NOT NULL, length INTEGER NOT NULL, stream_length INTEGER NOT NULL, stored_crc INTEGER NOT NULL,
  etag BLOB NOT NULL, etag_parts INTEGER NOT NULL, sealed_checksums BLOB NOT NULL, modified INTEGER NOT NULL,
  kek_version INTEGER NOT NULL, mac BLOB NOT NULL,
  PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_parts_of_blob ON upload_parts (blob);

-- Rows only ever go from the old end, so a row number is never given twice.
CREATE TABLE journal (
  row INTEGER PRIMARY KEY, tenant BLOB NOT NULL, event BLOB NOT NULL, leaf_hash BLOB NOT NULL,
  event_key BLOB NOT NULL, sealed BLOB NOT NULL, at INTEGER NOT NULL, position INTEGER,
  UNIQUE (tenant, event)
) STRICT;
CREATE UNIQUE INDEX journal_positions ON journal (tenant, position) WHERE position IS NOT NULL;
CREATE INDEX journal_of_tenant ON journal (tenant);

CREATE TABLE event_keys (
  tenant BLOB NOT NULL, id BLOB NOT NULL, node BLOB NOT NULL, created INTEGER NOT NULL, kek_version INTEGER NOT NULL, wrapped BLOB NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_log (
  minute INTEGER NOT NULL, reason TEXT NOT NULL, network TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (minute, reason, network)
) STRICT, WITHOUT ROWID;

CREATE TABLE condemned (blob BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX condemned_by_time ON condemned (at);
