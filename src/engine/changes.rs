//! Which rows have changed since a backup last looked: noted by triggers of the database, so that no writer can forget it.

use super::tables::Table;

/// Changes that were sent, to be forgotten once they are kept elsewhere. Only the engine that made it can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted(pub(super) String);

/// What became of an earlier index that was brought to what may be restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// Versions that it has now.
    pub versions: u64,
    /// Later versions that stay because they are final.
    pub kept_final: u64,
    /// Later versions that are not in it.
    pub left_out: u64,
    /// Versions whose data key no tenant key opens any more.
    pub unopenable: u64,
}

/// The columns of a table's key as the table `changes` has them, and how a row of the table is found by them.
pub(super) struct KeyText {
    /// Such as `"b1", "n1"`.
    pub(super) noted: String,
    /// Such as `t."tenant" = c."b1" AND t."purpose" = c."n1"`.
    pub(super) matches: String,
}

impl KeyText {
    pub(super) fn of(table: &Table) -> Self {
        let columns = table.noted_in();
        let noted: Vec<String> = columns.iter().map(|(_, noted)| format!("\"{noted}\"")).collect();
        let matches: Vec<String> = columns.iter().map(|(column, noted)| format!("t.\"{}\" = c.\"{noted}\"", column.name)).collect();
        Self { noted: noted.join(", "), matches: matches.join(" AND ") }
    }

    /// The columns of the table's key, each as `of` has it: `new` or `old` of a trigger.
    pub(super) fn values(table: &Table, of: &str) -> String {
        let values: Vec<String> = table.key_columns().map(|column| format!("{of}.\"{}\"", column.name)).collect();
        values.join(", ")
    }
}
