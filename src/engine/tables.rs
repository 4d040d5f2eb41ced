//! Every table of the index with its columns, for copies: backups and moves from one engine to another.
//!
//! The list is closed, and a test compares it with the schema of each engine: a table or column that is added later and
//! forgotten here would be missing in every backup.

use Kind::{Bytes, Number, Text};
use aws_lc_rs::digest::{SHA256, digest};

/// One table of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns that tell one row from all others. They never change.
    pub key: &'static [&'static str],
    /// Its columns, in the order in which copies hold them.
    pub columns: &'static [Column],
}

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What its cells hold, where they hold something.
    pub kind: Kind,
}

/// What the cells of a column hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Number,
    /// Bytes.
    Bytes,
    /// Text.
    Text,
}

/// Tables that stay behind: what an engine keeps for itself, and what is only there to be quick.
pub const LEFT_BEHIND: &[&str] = &["counters", "tombstones", "runs", "run_pages", "jobs", "probe", "changes"];

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

/// Every table that a copy holds.
pub const TABLES: &[Table] = &[
    Table {
        name: "tenants",
        key: &["id"],
        columns: &[
            column("id", Bytes),
            column("name", Text),
            column("facility", Text),
            column("standing", Number),
            column("created", Number),
        ],
    },
    Table {
        name: "keks",
        key: &["tenant", "purpose", "version"],
        columns: &[
            column("tenant", Bytes),
            column("purpose", Number),
            column("version", Number),
            column("state", Number),
            column("provider", Text),
            column("wrapped", Bytes),
            column("created", Number),
        ],
    },
    Table {
        name: "secrets",
        key: &["tenant", "kind", "epoch"],
        columns: &[
            column("tenant", Bytes),
            column("kind", Number),
            column("epoch", Number),
            column("kek_version", Number),
            column("wrapped", Bytes),
        ],
    },
    Table {
        name: "principals",
        key: &["id"],
        columns: &[
            column("id", Bytes),
            column("tenant", Bytes),
            column("name", Text),
            column("kind", Number),
            column("standing", Number),
            column("kek_version", Number),
            column("sealed_profile", Bytes),
            column("created", Number),
            column("revision", Number),
            column("mac", Bytes),
        ],
    },
    Table {
        name: "access_keys",
        key: &["access_key"],
        columns: &[
            column("access_key", Text),
            column("tenant", Bytes),
            column("principal", Bytes),
            column("standing", Number),
            column("kek_version", Number),
            column("wrapped_secret", Bytes),
            column("created", Number),
            column("expires", Number),
            column("revision", Number),
            column("mac", Bytes),
        ],
    },
    Table {
        name: "directives",
        key: &["tenant", "kind", "name"],
        columns: &[
            column("tenant", Bytes),
            column("kind", Number),
            column("name", Bytes),
            column("kek_version", Number),
            column("sealed", Bytes),
            column("mark", Number),
            column("revision", Number),
            column("mac", Bytes),
        ],
    },
    Table {
        name: "buckets",
        key: &["id"],
        columns: &[
            column("id", Bytes),
            column("tenant", Bytes),
            column("name", Text),
            column("mode", Number),
            column("versioning", Number),
            column("standing", Number),
            column("default_class", Text),
            column("created", Number),
            column("kek_version", Number),
            column("revision", Number),
            column("mac", Bytes),
        ],
    },
    Table {
        name: "entries",
        key: &["id"],
        columns: &[
            column("id", Bytes),
            column("bucket", Bytes),
            column("key", Bytes),
            column("key_next", Bytes),
            column("directory", Bytes),
            column("directory_next", Bytes),
            column("kek_version", Number),
            column("sealed_name", Bytes),
            column("current_version", Bytes),
            column("current_kind", Number),
            column("current_size", Number),
            column("current_etag", Bytes),
            column("current_parts", Number),
            column("current_modified", Number),
            column("revision", Number),
            column("mac", Bytes),
            column("mark", Number),
        ],
    },
    Table {
        name: "directories",
        key: &["bucket", "directory"],
        columns: &[
            column("id", Bytes),
            column("bucket", Bytes),
            column("directory", Bytes),
            column("directory_next", Bytes),
            column("parent", Bytes),
            column("parent_next", Bytes),
            column("kek_version", Number),
            column("sealed_name", Bytes),
            column("live", Number),
            column("total", Number),
            column("mark", Number),
        ],
    },
    Table {
        name: "versions",
        key: &["id"],
        columns: &[
            column("seq", Number),
            column("id", Bytes),
            column("bucket", Bytes),
            column("entry", Bytes),
            column("kind", Number),
            column("nullness", Number),
            column("created", Number),
            column("size", Number),
            column("etag", Bytes),
            column("etag_parts", Number),
            column("state", Number),
            column("class", Text),
            column("retention_rule", Text),
            column("retention_event", Text),
            column("retention_started", Number),
            column("retention_until", Number),
            column("hold", Number),
            column("patient", Bytes),
            column("patient_next", Bytes),
            column("enterer", Bytes),
            column("parent", Bytes),
            column("kek_version", Number),
            column("sealed_attributes", Bytes),
            column("sealed_tags", Bytes),
            column("attempt", Bytes),
            column("blob", Bytes),
            column("offset", Number),
            column("length", Number),
            column("stream_length", Number),
            column("manifest_length", Number),
            column("stored_crc", Number),
            column("parts", Number),
            column("revision", Number),
            column("mac", Bytes),
        ],
    },
    Table {
        name: "deks",
        key: &["seq"],
        columns: &[column("seq", Number), column("version", Bytes), column("kek_version", Number), column("wrapped", Bytes)],
    },
    Table {
        name: "parts",
        key: &["version", "number"],
        columns: &[
            column("version", Bytes),
            column("number", Number),
            column("attempt", Bytes),
            column("blob", Bytes),
            column("blob_offset", Number),
            column("blob_length", Number),
            column("offset", Number),
            column("length", Number),
            column("stream_length", Number),
            column("stored_crc", Number),
            column("sealed_checksums", Bytes),
            column("kek_version", Number),
            column("mac", Bytes),
        ],
    },
    Table {
        name: "uploads",
        key: &["id"],
        columns: &[
            column("id", Bytes),
            column("bucket", Bytes),
            column("tenant", Bytes),
            column("key", Bytes),
            column("key_next", Bytes),
            column("version", Bytes),
            column("initiator", Bytes),
            column("created", Number),
            column("touched", Number),
            column("state", Number),
            column("checksum_algorithm", Text),
            column("checksum_composite", Number),
            column("kek_version", Number),
            column("sealed_attributes", Bytes),
            column("sealed_tags", Bytes),
            column("dek_kek_version", Number),
            column("wrapped_dek", Bytes),
            column("revision", Number),
            column("mac", Bytes),
        ],
    },
    Table {
        name: "upload_parts",
        key: &["upload", "number"],
        columns: &[
            column("upload", Bytes),
            column("number", Number),
            column("attempt", Bytes),
            column("blob", Bytes),
            column("blob_offset", Number),
            column("blob_length", Number),
            column("length", Number),
            column("stream_length", Number),
            column("stored_crc", Number),
            column("etag", Bytes),
            column("etag_parts", Number),
            column("sealed_checksums", Bytes),
            column("modified", Number),
            column("kek_version", Number),
            column("mac", Bytes),
        ],
    },
    Table {
        name: "journal",
        key: &["row"],
        columns: &[
            column("row", Number),
            column("tenant", Bytes),
            column("event", Bytes),
            column("leaf_hash", Bytes),
            column("event_key", Bytes),
            column("sealed", Bytes),
            column("at", Number),
            column("position", Number),
        ],
    },
    Table {
        name: "event_keys",
        key: &["tenant", "id"],
        columns: &[
            column("tenant", Bytes),
            column("id", Bytes),
            column("node", Bytes),
            column("created", Number),
            column("kek_version", Number),
            column("wrapped", Bytes),
        ],
    },
    Table {
        name: "provider_log",
        key: &["minute", "reason", "network"],
        columns: &[column("minute", Number), column("reason", Text), column("network", Text), column("count", Number)],
    },
    Table { name: "condemned", key: &["blob"], columns: &[column("blob", Bytes), column("at", Number)] },
    Table { name: "store", key: &["one"], columns: &[column("one", Number), column("id", Bytes), column("generation", Number)] },
];

impl Table {
    /// The table of this name.
    pub(super) fn named(name: &str) -> Option<(usize, &'static Self)> {
        TABLES.iter().enumerate().find(|(_, table)| table.name == name)
    }

    /// Its columns as a statement names them.
    pub(super) fn column_list(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        names.join(", ")
    }

    /// The columns of its key.
    pub(super) fn key_columns(&self) -> impl Iterator<Item = &'static Column> + use<> {
        let (columns, key) = (self.columns, self.key);
        key.iter().filter_map(move |name| columns.iter().find(|column| column.name == *name))
    }

    /// The columns of its key, each with the column of the table `changes` in which its value is noted.
    pub(super) fn noted_in(&self) -> Vec<(&'static Column, &'static str)> {
        let (mut bytes, mut numbers, mut texts) = (["b1", "b2"].iter(), ["n1", "n2"].iter(), ["t1", "t2"].iter());
        let mut place = |kind| match kind {
            Bytes => bytes.next(),
            Number => numbers.next(),
            Text => texts.next(),
        };
        self.key_columns().filter_map(|column| place(column.kind).map(|place| (column, *place))).collect()
    }
}

/// What tells one list of tables and columns from another: an index whose changes were noted for others has gaps, and rows
/// with other columns are no rows of this program.
pub(crate) fn form() -> i64 {
    let mut names = Vec::new();
    for table in TABLES {
        names.extend([table.name].iter().chain(table.key).flat_map(|name| [name.as_bytes(), &[0]]).flatten().copied());
        names.push(1);
        for column in table.columns {
            names.extend_from_slice(column.name.as_bytes());
            names.extend([0, column.kind as u8]);
        }
        names.push(2);
    }
    let head = digest(&SHA256, &names).as_ref().first_chunk().map_or(1, |head| i64::from(u32::from_be_bytes(*head)));
    // Zero says that nothing is noted.
    head.max(1)
}
