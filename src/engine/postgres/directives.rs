//! What a tenant has laid down about access.

use super::fault::Fault;
use super::given::given;
use super::locks;
use super::people::concluded;
use super::session::Session;
use crate::domain::TenantId;
use crate::engine::step::Step;
use crate::engine::stored::directives::{DIRECTIVE, directive_of};
use crate::engine::{Changed, DirectiveRow, Events};

pub(super) async fn after(session: &Session, tenant: TenantId, mark: u64, limit: usize) -> Result<Vec<DirectiveRow>, Fault> {
    let sql = format!("SELECT {DIRECTIVE} FROM directives WHERE tenant = $1 AND mark > $2 ORDER BY mark LIMIT $3");
    session.all(&sql, given![tenant.as_bytes(), mark, limit], directive_of).await
}

/// Marks follow the order of commits: whoever changes a tenant's directives has them to themselves until the commit.
pub(super) async fn put(session: &Session, rows: &[DirectiveRow], events: &Events) -> Result<Step<Changed>, Fault> {
    for row in rows {
        locks::take_directives(session, row.tenant).await?;
        if put_one(session, row).await? == 0 {
            return Ok(Step::Undo(Changed::Conflict));
        }
    }
    concluded(session, 1, events).await
}

async fn put_one(session: &Session, row: &DirectiveRow) -> Result<u64, Fault> {
    let next = "(SELECT coalesce(max(mark), 0) + 1 FROM directives WHERE tenant = $1)";
    let sql = if row.revision == 1 {
        format!(
            "INSERT INTO directives (tenant, kind, name, kek_version, sealed, mark, revision, mac)
             VALUES ($1, $2, $3, $4, $5, {next}, $6, $7) ON CONFLICT (tenant, kind, name) DO NOTHING"
        )
    } else {
        format!(
            "UPDATE directives SET kek_version = $4, sealed = $5, revision = $6, mac = $7, mark = {next}
             WHERE tenant = $1 AND kind = $2 AND name = $3 AND revision + 1 = $6"
        )
    };
    let values = given![row.tenant.as_bytes(), row.kind as u8, &row.name.0, row.kek_version, &row.sealed, row.revision, &row.mac.0];
    session.change(&sql, values).await
}
