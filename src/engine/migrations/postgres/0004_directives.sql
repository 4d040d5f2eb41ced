-- What a tenant has laid down about access, one row a thing. `mark` counts the changes of the tenant, so that every node
-- finds the newer ones; a row is never deleted, only said to be over.
CREATE TABLE directives (
  tenant BYTEA NOT NULL, kind BIGINT NOT NULL, name BYTEA NOT NULL, kek_version BIGINT NOT NULL, sealed BYTEA NOT NULL,
  mark BIGINT NOT NULL, revision BIGINT NOT NULL, mac BYTEA NOT NULL,
  PRIMARY KEY (tenant, kind, name)
);
CREATE UNIQUE INDEX directives_by_mark ON directives (tenant, mark);
