//! Makes a lost index anew from its backup, while no gateway runs.

use super::{Services, StartError, admin_services, apart};
use crate::admin;
use crate::audit::OperatorAction;
use crate::backup::{self, BackupError, BackupKeys, Choice, Counts, Drilled, Filled, PieceName, Shelf, Target, Trial};
use crate::blob::{Archive, BlobStore, MarkerError};
use crate::config::Settings;
use crate::domain::{Clock, StoreId, SystemClock, UtcTime, causes};
use crate::engine::Origin;
use crate::root::{Root, RootError};
use crate::upkeep::{ReconcileError, Reconciliation, reconcile};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Which state of the index is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// The newest that there is.
    Newest,
    /// The records of an earlier moment.
    Earlier {
        /// The moment.
        at: UtcTime,
        /// A directory with room for two copies of the index.
        scratch: &'a Path,
    },
}

/// What a recovery or restore came to.
#[derive(Debug, Serialize)]
pub struct Recovery {
    /// `recovered` or `restored`.
    pub index: &'static str,
    /// The backup that it comes from.
    pub backup: String,
    /// The moment of its records: what came later is lost, or was left out.
    pub moment: String,
    /// The moment of its people, keys and logs.
    pub newest: String,
    /// The moment of the snapshot.
    pub snapshot: String,
    /// Segments of the journal that followed it.
    pub segments: usize,
    /// Snapshots that could not be read.
    pub passed_over: Vec<String>,
    /// Versions.
    pub versions: u64,
    /// Later versions that stay because they are final.
    pub kept_final: u64,
    /// Later versions that were left out.
    pub left_out: u64,
    /// Versions whose key was destroyed since.
    pub unopenable: u64,
    /// Milliseconds until the index was filled.
    pub fill_millis: u64,
    /// How index and store compare.
    pub store: Option<Reconciliation>,
    /// Why they were not compared.
    pub not_compared: Option<String>,
    /// Tenants whose log does not say that this was done, because their keys are not to be had.
    pub unrecorded: Vec<String>,
}

/// A piece of a backup that was looked at.
#[derive(Debug, Serialize)]
pub struct CheckedPiece {
    /// Its name.
    pub piece: String,
    /// Its moment.
    pub at: String,
    /// Its rows.
    pub rows: u64,
    /// `good`, or what is wrong.
    pub result: String,
}

/// Restores a state of the backup into the directory `scratch` and looks at it. A gateway may run meanwhile.
///
/// # Errors
/// [`RecoveryError`] when nothing can be restored.
pub async fn drill(settings: &Settings, choice: &Choice, (scratch, records): (&Path, u32)) -> Result<Drilled, RecoveryError> {
    let root = Root::open_file(&settings.root.key_file, &settings.root.protection())?;
    let blobs = BlobStore::open(&settings.store).map_err(StartError::Store)?;
    let age_max = settings.backup.as_ref().ok_or(RecoveryError::NoBackup)?.age_max();
    Ok(backup::drill(&shelf(settings)?, &root, &blobs, Trial { choice, scratch, records, age_max }).await?)
}

/// The index cannot be made anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// No backup is named.
    #[error("the configuration names no backup: set [backup]")]
    NoBackup,
    /// The backup cannot be used, or the index is not empty.
    #[error("the index cannot be made from the backup")]
    Backup(#[from] BackupError),
    /// The root cannot be had.
    #[error("the root key cannot be had")]
    Root(#[from] RootError),
    /// A part of the gateway cannot be had.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The backup and the store of bodies do not belong together.
    #[error("the backup is of store {backup}, and the bodies are in store {store}")]
    OtherStore {
        /// The backup's.
        backup: StoreId,
        /// The one that is there.
        store: StoreId,
    },
    /// The store of bodies cannot be asked whose it is.
    #[error("the store of bodies cannot be asked which it is")]
    Marker(#[from] MarkerError),
    /// The index was filled, and what follows failed.
    #[error("the index is filled whole and collects nothing; what was to follow failed")]
    Filled(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The backup that `settings` name, for who reads it.
///
/// # Errors
/// [`RecoveryError`] when there is none, or the root cannot be had.
pub fn shelf(settings: &Settings) -> Result<Shelf, RecoveryError> {
    let backup = settings.backup.as_ref().ok_or(RecoveryError::NoBackup)?;
    let root = Arc::new(Root::open_file(&settings.root.key_file, &settings.root.protection())?);
    apart(&root, settings)?;
    let archive = Archive::open(&backup.store).map_err(StartError::Backup)?;
    Ok(Shelf::new(archive, BackupKeys::new(root)))
}

/// Sees that the bodies can be had and are those of the backup, before anything is filled.
async fn belongs(settings: &Settings, shelf: &Shelf, choice: &Choice) -> Result<(), RecoveryError> {
    let blobs = BlobStore::open(&settings.store).map_err(StartError::Store)?;
    blobs.probe(SystemClock.now()).await.map_err(StartError::from)?;
    let plan = shelf.plan(choice).await?;
    let newest = plan.journal.last().copied().unwrap_or(plan.snapshot);
    // What is wrong with a piece is said once it is used. Who names a backup knows what they do.
    let Ok(piece) = shelf.open(newest).await else { return Ok(()) };
    match (piece.facts().store, blobs.marker().await?) {
        (Some(backup), Some(marker)) if backup != marker.store && choice.chain.is_none() => {
            Err(RecoveryError::OtherStore { backup, store: marker.store })
        }
        _ => Ok(()),
    }
}

/// Fills the empty index of `settings` from its backup, puts it behind its store so that nothing is collected, writes that
/// into every tenant's log, and compares it with the store. `told` hears of the comparison.
///
/// # Errors
/// [`RecoveryError`]. The index is filled whole or stays empty.
pub async fn recover(
    settings: &Settings,
    (wanted, choice): (Wanted<'_>, &Choice),
    told: &(dyn Fn(&Reconciliation) + Send + Sync),
) -> Result<Recovery, RecoveryError> {
    let shelf = shelf(settings)?;
    belongs(settings, &shelf, choice).await?;
    let target = Target { settings: &settings.index, clock: &SystemClock, origin: Origin::Backup };
    let (index, action, earlier, later, merged) = match wanted {
        Wanted::Newest => {
            let filled = backup::fill(&shelf, choice, target).await?;
            ("recovered", OperatorAction::RecoverIndex, filled.clone(), filled, None)
        }
        Wanted::Earlier { at, scratch } => {
            let restored = backup::restore(&shelf, (at, choice), target, scratch).await?;
            ("restored", OperatorAction::RestoreIndex, restored.earlier, restored.later, Some(restored.merged))
        }
    };
    let services = Services::build(settings).await.map_err(filled)?;
    backup::goes_on_from(services.engine.as_ref(), &later.plan).await.map_err(filled)?;
    let unrecorded = admin::made_anew(&admin_services(&services), action).await.map_err(filled)?;
    let versions = services.engine.count_versions().await.map_err(filled)?;
    // The index is good whatever the comparison says.
    let (store, not_compared) = match reconcile(services.engine.as_ref(), &services.blobs, told).await {
        Ok(found) => (Some(found), None),
        Err(error @ (ReconcileError::Engine(_) | ReconcileError::Blob(_))) => (None, Some(causes(&error))),
    };
    let Filled { plan, passed_over, millis } = earlier;
    let merged = merged.unwrap_or_default();
    Ok(Recovery {
        index,
        backup: plan.snapshot.chain.to_string(),
        moment: plan.moment().to_string(),
        newest: later.plan.moment().to_string(),
        snapshot: plan.snapshot.at.to_string(),
        segments: plan.journal.len(),
        passed_over: passed_over.iter().map(PieceName::to_string).collect(),
        versions,
        kept_final: merged.kept_final,
        left_out: merged.left_out,
        unopenable: merged.unopenable,
        fill_millis: millis + if index == "restored" { later.millis } else { 0 },
        store,
        not_compared,
        unrecorded,
    })
}

fn filled(error: impl std::error::Error + Send + Sync + 'static) -> RecoveryError {
    RecoveryError::Filled(Box::new(error))
}

/// Reads every piece that is needed for the state that is wanted, and says what each holds.
///
/// # Errors
/// [`RecoveryError`] when the backup cannot be listed, or has a gap.
pub async fn check(
    settings: &Settings,
    choice: &Choice,
    told: &(dyn Fn(usize, usize) + Send + Sync),
) -> Result<Vec<CheckedPiece>, RecoveryError> {
    let shelf = shelf(settings)?;
    let plan = shelf.plan(choice).await?;
    let names: Vec<PieceName> = std::iter::once(plan.snapshot).chain(plan.journal).collect();
    let mut checked = Vec::new();
    for (done, name) in names.iter().enumerate() {
        told(done, names.len());
        let counts = async { shelf.open(*name).await?.check().await };
        let (rows, result) = match counts.await {
            Ok(Counts { rows, .. }) => (rows, "good".to_owned()),
            Err(error) => (0, causes(&error)),
        };
        checked.push(CheckedPiece { piece: name.to_string(), at: name.at.to_string(), rows, result });
    }
    Ok(checked)
}
