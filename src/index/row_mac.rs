//! Row MACs: which columns of which row, in which order (`docs/format.md`, "Row MACs").

use super::IndexError;
use crate::domain::{ChecksumAlgorithm, ChecksumType, Location, TenantId, UtcTime};
use crate::engine::{BucketRow, CurrentRow, EntryRow, PartRow, RowMac, UploadPartRow, UploadRow, VersionRow};
use crate::leases::{IndexKey, IndexKeys};

/// A row that hozon acts on only after its MAC was checked.
pub(super) trait Maced {
    /// The table's name, as MACs and errors have it.
    const TABLE: &'static str;
    fn kek_version(&self) -> u32;
    fn mac(&self) -> &RowMac;
    fn set_mac(&mut self, mac: RowMac);
    fn columns(&self, columns: &mut Columns);
}

/// The key that made the row, once the row is known to be what was written for `tenant`.
pub(super) fn check<'k, R: Maced>(keys: &'k IndexKeys, tenant: TenantId, row: &R) -> Result<&'k IndexKey, IndexError> {
    let key = key_version(keys, row.kek_version())?;
    let columns = Columns::of(row);
    if key.row_mac.mac_matches(&[R::TABLE.as_bytes(), tenant.as_bytes(), &columns.0], &row.mac().0) {
        Ok(key)
    } else {
        Err(IndexError::Tampered { table: R::TABLE })
    }
}

/// The row with its MAC. Its `kek_version` must already be that of `key`.
pub(super) fn stamped<R: Maced>(key: &IndexKey, tenant: TenantId, mut row: R) -> R {
    let columns = Columns::of(&row);
    row.set_mac(RowMac(key.row_mac.mac(&[R::TABLE.as_bytes(), tenant.as_bytes(), &columns.0])));
    row
}

/// The key of this version, which must be known here.
pub(super) fn key_version(keys: &IndexKeys, version: u32) -> Result<&IndexKey, IndexError> {
    keys.version(version).ok_or(IndexError::UnknownKey { version })
}

/// A row's columns, each behind its length.
pub(super) struct Columns(Vec<u8>);

// FORMAT: length as four bytes big-endian, then the bytes; an absent column is the length ff ff ff ff alone.
impl Columns {
    fn of<R: Maced>(row: &R) -> Self {
        let mut columns = Self(Vec::with_capacity(512));
        row.columns(&mut columns);
        columns
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        // No column reaches 4 GiB: sealed attributes, the longest, are a few KiB.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX - 1);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    fn optional(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        if let Some(bytes) = bytes {
            return self.bytes(bytes);
        }
        self.0.extend_from_slice(&u32::MAX.to_be_bytes());
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    fn time(&mut self, time: UtcTime) -> &mut Self {
        self.bytes(&time.micros().to_be_bytes())
    }

    fn optional_time(&mut self, time: Option<UtcTime>) -> &mut Self {
        self.optional(time.map(|time| time.micros().to_be_bytes()).as_ref().map(<[u8; 8]>::as_slice))
    }

    fn etag(&mut self, etag: crate::domain::ETag) -> &mut Self {
        self.bytes(etag.bits()).number(u64::from(etag.parts()))
    }

    fn location(&mut self, location: Option<&Location>) -> &mut Self {
        match location {
            Some(location) => self.bytes(&location.blob.to_bytes()).number(location.offset).number(location.length),
            None => self.optional(None).optional(None).optional(None),
        }
    }

    fn current(&mut self, current: &CurrentRow) -> &mut Self {
        self.bytes(current.version.as_bytes()).number(current.kind as u64).number(current.size).etag(current.etag).time(current.modified)
    }
}

macro_rules! maced {
    ($row:ty, $table:literal, |$this:ident, $columns:ident| $body:block) => {
        impl Maced for $row {
            const TABLE: &'static str = $table;

            fn kek_version(&self) -> u32 {
                self.kek_version
            }

            fn mac(&self) -> &RowMac {
                &self.mac
            }

            fn set_mac(&mut self, mac: RowMac) {
                self.mac = mac;
            }

            fn columns(&self, $columns: &mut Columns) {
                let $this = self;
                $body
            }
        }
    };
}

maced!(BucketRow, "buckets", |row, columns| {
    columns
        .bytes(row.id.as_bytes())
        .bytes(row.tenant.as_bytes())
        .bytes(row.name.as_str().as_bytes())
        .number(row.mode as u64)
        .number(row.versioning as u64)
        .number(row.standing as u64)
        .optional(row.default_class.as_ref().map(|class| class.as_str().as_bytes()))
        .time(row.created)
        .number(u64::from(row.kek_version))
        .number(row.revision);
});

maced!(EntryRow, "entries", |row, columns| {
    columns
        .bytes(row.id.as_bytes())
        .bytes(row.bucket.as_bytes())
        .bytes(&row.key.0)
        .bytes(&row.directory.0)
        .number(u64::from(row.kek_version))
        .bytes(&row.sealed_name)
        .current(&row.current)
        .number(row.revision);
});

maced!(VersionRow, "versions", |row, columns| {
    columns
        .bytes(row.id.as_bytes())
        .bytes(row.bucket.as_bytes())
        .bytes(row.entry.as_bytes())
        .number(row.kind as u64)
        .number(row.null as u64)
        .time(row.created)
        .number(row.size)
        .etag(row.etag)
        .number(row.state as u64)
        .optional(row.class.as_ref().map(|class| class.as_str().as_bytes()));
    let retention = row.retention.as_ref();
    columns
        .optional(retention.map(|r| r.rule.as_bytes()))
        .optional(retention.map(|r| r.start_event.as_bytes()))
        .optional_time(retention.and_then(|r| r.started))
        .optional_time(retention.and_then(|r| r.until))
        .optional(retention.map(|r| [r.hold as u8]).as_ref().map(<[u8; 1]>::as_slice));
    columns
        .optional(row.patient.as_ref().map(|token| token.0.as_slice()))
        .bytes(row.enterer.as_bytes())
        .optional(row.parent.as_ref().map(|parent| parent.as_bytes().as_slice()))
        .number(u64::from(row.kek_version))
        .bytes(&row.sealed_attributes)
        .optional(row.sealed_tags.as_deref())
        .bytes(row.attempt.as_bytes())
        .location(row.location.as_ref())
        .number(row.stream_length)
        .number(row.manifest_length)
        .number(row.stored_crc)
        .number(u64::from(row.parts))
        .number(row.revision);
});

maced!(PartRow, "parts", |row, columns| {
    columns
        .bytes(row.version.as_bytes())
        .number(u64::from(row.number))
        .bytes(row.attempt.as_bytes())
        .location(Some(&row.location))
        .number(row.offset)
        .number(row.length)
        .number(row.stream_length)
        .number(row.stored_crc)
        .bytes(&row.sealed_checksums)
        .number(u64::from(row.kek_version));
});

maced!(UploadRow, "uploads", |row, columns| {
    columns
        .bytes(row.id.as_bytes())
        .bytes(row.bucket.as_bytes())
        .bytes(row.tenant.as_bytes())
        .bytes(&row.key.0)
        .bytes(row.version.as_bytes())
        .bytes(row.initiator.as_bytes())
        .time(row.created)
        .number(row.state as u64)
        .optional(row.checksum.map(|(algorithm, _)| algorithm_name(algorithm)))
        .optional(row.checksum.map(|(_, kind)| kind_name(kind)))
        .number(u64::from(row.kek_version))
        .bytes(&row.sealed_attributes)
        .optional(row.sealed_tags.as_deref())
        .number(u64::from(row.dek_kek_version))
        .bytes(&row.wrapped_dek)
        .number(row.revision);
});

maced!(UploadPartRow, "upload_parts", |row, columns| {
    columns
        .bytes(row.upload.as_bytes())
        .number(u64::from(row.number))
        .bytes(row.attempt.as_bytes())
        .location(Some(&row.location))
        .number(row.length)
        .number(row.stream_length)
        .number(row.stored_crc)
        .etag(row.etag)
        .bytes(&row.sealed_checksums)
        .time(row.modified)
        .number(u64::from(row.kek_version));
});

fn algorithm_name(algorithm: ChecksumAlgorithm) -> &'static [u8] {
    algorithm.name().as_bytes()
}

fn kind_name(kind: ChecksumType) -> &'static [u8] {
    match kind {
        ChecksumType::Composite => b"COMPOSITE",
        ChecksumType::FullObject => b"FULL_OBJECT",
    }
}
