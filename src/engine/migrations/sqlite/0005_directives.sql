-- What a tenant has laid down about access, one row a thing. `mark` counts the changes of the tenant, so that every node
-- finds the newer ones; a row is never deleted, only said to be over.
CREATE TABLE directives (
  tenant BLOB NOT NULL, kind INTEGER NOT NULL, name BLOB NOT NULL, kek_version INTEGER NOT NULL, sealed BLOB NOT NULL,
  mark INTEGER NOT NULL, revision INTEGER NOT NULL, mac BLOB NOT NULL,
  PRIMARY KEY (tenant, kind, name)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX directives_by_mark ON directives (tenant, mark);
