use crate::domain::DirectiveKind;
use crate::domain::TenantId;
use crate::engine::cells::{Cells, Columns};
use crate::engine::{DirectiveRow, EngineError, Token};

/// Columns of a row, in the order that its reader below takes them.
pub(in crate::engine) const DIRECTIVE: &str = "tenant, kind, name, kek_version, sealed, mark, revision, mac";

pub(in crate::engine) fn directive_of(row: &dyn Columns) -> Result<DirectiveRow, EngineError> {
    let mut cells = Cells::new(row, "directives");
    Ok(DirectiveRow {
        tenant: cells.id(TenantId::from_bytes)?,
        kind: cells.one_of(DirectiveKind::from_number)?,
        name: Token(cells.take()?),
        kek_version: cells.number()?,
        sealed: cells.take()?,
        mark: cells.number()?,
        revision: cells.number()?,
        mac: cells.mac()?,
    })
}
