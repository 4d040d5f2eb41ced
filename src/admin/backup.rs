use super::AdminServices;
use super::operator;
use super::problem::Problem;
use super::route::{Answered, Asked, shown};
use super::store;
use super::wire::Backup;
use crate::audit::OperatorAction;
use crate::backup::{BackupStatus, Keeper, SnapshotFacts};
use crate::domain::UtcTime;
use crate::engine::{Changed, EngineError, StoreRow};

/// `GET /v1/backup`
pub(super) async fn show(asked: &Asked<'_>) -> Answered {
    shown(&backup(keeper(asked)?.status().await?, asked.services.clock.now()))
}

/// `POST /v1/backup/now`
pub(super) async fn now(asked: &Asked<'_>) -> Answered {
    if keeper(asked)?.ask_for_snapshot().await? == Changed::Conflict {
        return Err(Problem::already("a snapshot was asked for already"));
    }
    tracing::warn!("an operator asks for a snapshot of the index");
    show(asked).await
}

fn keeper<'a>(asked: &'a Asked<'_>) -> Result<&'a Keeper, Problem> {
    asked.services.keeper.as_deref().ok_or_else(Problem::no_backup)
}

fn backup(status: BackupStatus, now: UtcTime) -> Backup {
    let text = |moment: Option<UtcTime>| moment.map(|moment| moment.to_string());
    let snapshot = &status.snapshot;
    let number = |of: fn(&SnapshotFacts) -> u64| snapshot.as_ref().map_or(0, of);
    Backup {
        backup: status.chain.map(|chain| chain.to_string()),
        node: status.node.map(|node| node.to_string()),
        until: text(status.until),
        loss_window_secs: status.until.map(|until| now.micros().saturating_sub(until.micros()).max(0) / 1_000_000),
        segments: status.segments,
        segment_bytes: status.segment_bytes,
        snapshot: snapshot.as_ref().map(|snapshot| UtcTime::from_micros(snapshot.at).to_string()),
        snapshot_versions: number(|snapshot| snapshot.versions),
        snapshot_rows: number(|snapshot| snapshot.rows),
        snapshot_bytes: number(|snapshot| snapshot.bytes),
        snapshot_write_millis: number(|snapshot| snapshot.write_millis),
        snapshot_check_millis: number(|snapshot| snapshot.check_millis),
        snapshot_begun: text(status.snapshot_begun),
        next_snapshot: text(status.next),
        failure: status.failure.map(|failure| format!("{} (at {})", failure.what, UtcTime::from_micros(failure.at))),
    }
}

/// Writes into every tenant's log that the index was made anew, and puts it behind its store, so that nothing is collected
/// before an operator has looked and accepted it. Gives the names of tenants whose log does not have it.
///
/// # Errors
/// [`EngineError`] when the index fails.
pub async fn made_anew(services: &AdminServices, action: OperatorAction) -> Result<Vec<String>, EngineError> {
    match services.engine.store().await? {
        Some(row) => given_store(services, action, StoreRow { generation: 0, ..row }).await,
        None => {
            let (events, unrecorded) = store::events(services, &operator::at_this_machine(), action).await?;
            services.engine.append(events).await?;
            Ok(unrecorded)
        }
    }
}

/// Gives the index another store, and writes that into every tenant's log. Gives the names of tenants whose log does not have
/// it.
///
/// # Errors
/// [`EngineError`] when the index fails.
pub async fn given_store(services: &AdminServices, action: OperatorAction, to: StoreRow) -> Result<Vec<String>, EngineError> {
    let (events, unrecorded) = store::events(services, &operator::at_this_machine(), action).await?;
    let from = services.engine.store().await?;
    if services.engine.set_store(from, to, events).await? == Changed::Conflict {
        return Err(EngineError::InUse);
    }
    Ok(unrecorded)
}
