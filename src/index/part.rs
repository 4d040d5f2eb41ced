use super::part_checksums::PartChecksums;
use super::row_mac::check;
use super::{IndexError, TenantIndex, Version};
use crate::domain::{ByteRange, Checksums};
use crate::engine::PartRow;
use crate::leases::{IndexKey, IndexKeys};
use crate::seal::PlaceOfPart;
use std::fmt;

/// One part of a multipart version, its row checked and its checksum opened.
pub struct Part {
    /// The row.
    pub row: PartRow,
    /// The checksum of its plaintext in the algorithm of its upload.
    pub checksum: Option<Checksums>,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("number", &self.row.number).finish_non_exhaustive()
    }
}

impl TenantIndex<'_> {
    /// The parts of a version that hold the plaintext bytes `range`, in order and without a gap. A version of a single
    /// put has none.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn parts(&self, version: &Version, range: ByteRange) -> Result<Vec<PartRow>, IndexError> {
        if version.row.parts == 0 {
            return Ok(Vec::new());
        }
        let keys = self.keys().await?;
        let rows = self.engine().parts(version.row.id, range).await?;
        let mut end = None;
        for row in &rows {
            self.check_part(&keys, version, row)?;
            if end.is_some_and(|end| end != row.offset) {
                return Err(TAMPERED);
            }
            end = Some(row.offset.saturating_add(row.length));
        }
        let begins = rows.first().is_some_and(|row| row.offset <= range.start);
        let is_whole = range.is_empty() || (begins && end.is_some_and(|end| end >= range.end));
        if is_whole { Ok(rows) } else { Err(TAMPERED) }
    }

    /// The part with this number, where the version has it.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn part(&self, version: &Version, number: u32) -> Result<Option<Part>, IndexError> {
        if number == 0 || number > version.row.parts {
            return Ok(None);
        }
        let keys = self.keys().await?;
        let row = self.engine().part(version.row.id, number).await?.ok_or(TAMPERED)?;
        if row.number != number {
            return Err(TAMPERED);
        }
        self.opened_part(&keys, version, row).map(Some)
    }

    /// The parts with numbers above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn parts_after(&self, version: &Version, after: u32, limit: usize) -> Result<Vec<Part>, IndexError> {
        let keys = self.keys().await?;
        let rows = self.engine().parts_after(version.row.id, after, limit).await?;
        let left = usize::try_from(version.row.parts.saturating_sub(after)).unwrap_or(usize::MAX);
        let in_order = (after.saturating_add(1)..).zip(&rows).all(|(number, row)| row.number == number);
        if !in_order || rows.len() != left.min(limit) {
            return Err(TAMPERED);
        }
        rows.into_iter().map(|row| self.opened_part(&keys, version, row)).collect()
    }

    fn check_part<'k>(&self, keys: &'k IndexKeys, version: &Version, row: &PartRow) -> Result<&'k IndexKey, IndexError> {
        let key = check(keys, self.tenant, row)?;
        if row.version == version.row.id && row.number <= version.row.parts { Ok(key) } else { Err(TAMPERED) }
    }

    fn opened_part(&self, keys: &IndexKeys, version: &Version, row: PartRow) -> Result<Part, IndexError> {
        let key = self.check_part(keys, version, &row)?;
        let place = PlaceOfPart { tenant: self.tenant, bucket: version.row.bucket, version: row.version, attempt: row.attempt };
        let sums = PartChecksums::open(key, place, &row.sealed_checksums).ok_or(TAMPERED)?;
        Ok(Part { row, checksum: sums.checksum })
    }
}

const TAMPERED: IndexError = IndexError::Tampered { table: "parts" };
