//! What the MACs of principals and credentials run over. FORMAT: docs/format.md, row MACs.

use crate::engine::{AccessKeyRow, PrincipalRow, RowMac};
use crate::leases::IndexKey;

/// The MAC that `row` must carry.
pub(super) fn of_principal(key: &IndexKey, row: &PrincipalRow) -> RowMac {
    RowMac(key.row_mac.mac(&[
        b"principal",
        row.id.as_bytes(),
        row.tenant.as_bytes(),
        row.name.as_bytes(),
        &[row.kind as u8, row.standing as u8],
        &row.kek_version.to_be_bytes(),
        &row.sealed_profile,
        &row.created.micros().to_be_bytes(),
        &row.revision.to_be_bytes(),
    ]))
}

/// The MAC that `row` must carry.
pub(super) fn of_access_key(key: &IndexKey, row: &AccessKeyRow) -> RowMac {
    let expires = row.expires.map_or(i64::MAX, crate::domain::UtcTime::micros);
    RowMac(key.row_mac.mac(&[
        b"access-key",
        row.access_key.as_bytes(),
        row.tenant.as_bytes(),
        row.principal.as_bytes(),
        &[row.standing as u8],
        &row.kek_version.to_be_bytes(),
        &row.wrapped_secret,
        &row.created.micros().to_be_bytes(),
        &expires.to_be_bytes(),
        &row.revision.to_be_bytes(),
    ]))
}

/// Whether two MACs are the same, without telling where they differ.
pub(super) fn same(made: RowMac, found: RowMac) -> bool {
    use subtle::ConstantTimeEq;
    made.0.ct_eq(&found.0).into()
}
