//! What the MACs of directives run over. FORMAT: docs/format.md, row MACs.

use crate::engine::{DirectiveRow, RowMac};
use crate::leases::IndexKey;

/// The MAC that `row` must carry. The mark is the engine's and not covered: it only says which rows are newer.
pub(super) fn of(key: &IndexKey, row: &DirectiveRow) -> RowMac {
    RowMac(over(row, |fields| key.row_mac.mac(fields)))
}

/// Whether `row` carries it.
pub(super) fn holds(key: &IndexKey, row: &DirectiveRow) -> bool {
    over(row, |fields| key.row_mac.mac_matches(fields, &row.mac.0))
}

fn over<T>(row: &DirectiveRow, look: impl FnOnce(&[&[u8]]) -> T) -> T {
    look(&[
        b"directive",
        row.tenant.as_bytes(),
        &[row.kind as u8],
        &row.name.0,
        &row.kek_version.to_be_bytes(),
        &row.sealed,
        &row.revision.to_be_bytes(),
    ])
}
