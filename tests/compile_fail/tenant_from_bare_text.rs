// error[E0308]: mismatched types
// expected `TenantId`
use hozon::index::{Index, TenantIndex};

pub fn of(index: &Index) -> TenantIndex<'_> {
    index.of("clinic-a")
}
