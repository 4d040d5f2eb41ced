//! What the MACs of directives run over. FORMAT: docs/format.md, row MACs.

use crate::engine::{DirectiveRow, RowMac};
use crate::leases::IndexKey;
use subtle::ConstantTimeEq;

/// The MAC that `row` must carry. The mark is the engine's and not covered: it only says which rows are newer.
pub(super) fn of(key: &IndexKey, row: &DirectiveRow) -> RowMac {
    RowMac(key.row_mac.mac(&[
        b"directive",
        row.tenant.as_bytes(),
        &[row.kind as u8],
        &row.name.0,
        &row.kek_version.to_be_bytes(),
        &row.sealed,
        &row.revision.to_be_bytes(),
    ]))
}

/// Whether two MACs are the same, without telling where they differ.
pub(super) fn same(made: RowMac, found: RowMac) -> bool {
    made.0.ct_eq(&found.0).into()
}
