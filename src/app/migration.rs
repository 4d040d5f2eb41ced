//! Moves an index to another database, or bodies to another store.

use super::{Services, StartError, admin_services};
use crate::admin;
use crate::audit::OperatorAction;
use crate::blob::{BlobError, BlobStore, MarkerError, StoreMarker};
use crate::config::Settings;
use crate::domain::{StoreId, SystemClock, causes};
use crate::engine::{self, Batch, CopyError, Engine, EngineError, FrameRow, Origin, StoreRow, Tally};
use crate::upkeep::{PairingError, ReconcileError, Reconciliation, Transfer, reconcile, transfer};
use futures::{StreamExt, stream};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Batches on their way.
const ON_THE_WAY: usize = 4;
/// Blobs that are copied at a time.
const COPIES_AT_ONCE: usize = 8;
/// Frames that are walked over at a time.
const FRAMES: usize = 1_000;
/// Bodies that are named where some are wrong; the others are only counted.
const NAMED_MAX: usize = 100;
/// The table that says which store an index belongs to.
const STORE: &str = "store";

/// What a move of an index came to.
#[derive(Debug, Serialize)]
pub struct IndexMoved {
    /// `moved`.
    pub index: &'static str,
    /// Rows of each table, the same on both sides.
    pub tables: Vec<(String, u64)>,
    /// All rows.
    pub rows: u64,
    /// What they add up to, the same on both sides.
    pub sum: String,
    /// Milliseconds until the new index was filled.
    pub fill_millis: u64,
    /// Milliseconds until it was read again and compared.
    pub check_millis: u64,
    /// How the new index and the store compare.
    pub store: Reconciliation,
    /// Tenants whose log does not say that this was done, because their keys are not to be had.
    pub unrecorded: Vec<String>,
}

/// What a move of bodies came to.
#[derive(Debug, Serialize)]
pub struct StoreMoved {
    /// `moved`, or `ahead` where the gateway goes on with the old one.
    pub store: &'static str,
    /// What was copied.
    pub transfer: Transfer,
    /// How the index and the new store compare; nothing where the old one goes on.
    pub compared: Option<Reconciliation>,
    /// Tenants whose log does not say that this was done, because their keys are not to be had.
    pub unrecorded: Vec<String>,
}

/// When the bodies are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// While gateways run: what is there now is copied, and they go on with the old store.
    Ahead,
    /// While none runs: the rest is copied, and the new store is that of the index from now on.
    Now,
}

/// A move has failed. Index and store are as they were, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// The two configurations name one index.
    #[error("both configurations name the same index")]
    SameIndex,
    /// The two configurations name different stores.
    #[error("the configurations name different stores: move one thing at a time")]
    OtherStore,
    /// The two configurations name one store.
    #[error("both configurations name the same store, or one within the other")]
    SameStore,
    /// The two configurations name different indexes.
    #[error("the configurations name different indexes: move one thing at a time")]
    OtherIndex,
    /// Gateways work on the index.
    #[error("gateways work on the index: {0} connections of others are there")]
    GatewaysRun(u64),
    /// The index that is to be moved holds nothing.
    #[error("the index that is to be moved belongs to no store yet: is its place right?")]
    NothingThere,
    /// Somebody wrote meanwhile.
    #[error("the index was written to meanwhile")]
    Written,
    /// The new index holds other rows.
    #[error("the new index does not hold the same rows")]
    OtherRows,
    /// The new index was filled, and belongs to no store: no gateway takes it. It is to be thrown away.
    #[error("the new index was filled and is not in use")]
    Filled(#[source] Box<Self>),
    /// The replica is not one of the store, or cannot be asked.
    #[error("the replica is not one of the store that the index belongs to")]
    Replica(#[source] Box<PairingError>),
    /// Bodies in the new store are not as they were stored.
    #[error("the new store has {0} bodies that are not as they were stored")]
    NotAsStored(u64, Vec<String>),
    /// The store that bodies are to be moved to is another index's.
    #[error("the new store belongs to another index: its marker names {0}")]
    StoreInUse(StoreId),
    /// The new store lacks bodies.
    #[error("the new store lacks bodies that the index names: {missing} missing, {truncated} cut off, {failed} that could not be copied")]
    NotWhole {
        /// Frames whose blob is not there.
        missing: u64,
        /// Frames that their blob is too short for.
        truncated: u64,
        /// Blobs that could not be copied.
        failed: u64,
        /// The first of them.
        findings: Vec<String>,
    },
    /// Copying failed, or the new index is not empty.
    #[error("the index cannot be copied")]
    Copy(#[from] CopyError),
    /// A part of the gateway cannot be had.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An index failed.
    #[error("an index failed")]
    Engine(#[from] EngineError),
    /// A store failed.
    #[error("a store failed")]
    Blob(#[from] BlobError),
    /// A store's marker cannot be read or written.
    #[error(transparent)]
    Marker(#[from] MarkerError),
    /// Index and store cannot be compared.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
}

/// Moves the index of `old` into the empty one of `new`, while no gateway runs. Both are read whole and compared. From then on
/// the store belongs to the new index, and hozon refuses to serve with the old one. `told` hears how many rows have gone over.
///
/// # Errors
/// [`MigrationError`].
pub async fn move_index(old: &Settings, new: &Settings, told: &(dyn Fn(u64) + Send + Sync)) -> Result<IndexMoved, MigrationError> {
    if old.index == new.index {
        return Err(MigrationError::SameIndex);
    }
    if old.store != new.store {
        return Err(MigrationError::OtherStore);
    }
    let from = engine::open(&old.index, Arc::new(SystemClock)).await?;
    unused(from.as_ref()).await?;
    let row = from.store().await?.ok_or(MigrationError::NothingThere)?;
    replica_of(new, row).await?;
    let (newest, began) = (from.newest_event().await?, Instant::now());
    let sent = pass(&from, new, told).await?;
    let fill_millis = millis(began);
    let began = Instant::now();
    let rest = async {
        let services = Services::build(new).await?;
        // Which store it belongs to is not told before all is known to be right.
        let found = tally(&services.engine).await?.without(STORE);
        if found != sent.clone().without(STORE) {
            return Err(MigrationError::OtherRows);
        }
        let check_millis = millis(began);
        let store = reconcile(services.engine.as_ref(), &services.blobs, &|_| {}).await?;
        unwritten(from.as_ref(), newest).await?;
        let unrecorded = take_over(&services, row, OperatorAction::MoveIndex, &store).await?;
        Ok((check_millis, store, unrecorded))
    };
    let (check_millis, store, unrecorded) = rest.await.map_err(|error: MigrationError| MigrationError::Filled(Box::new(error)))?;
    Ok(IndexMoved {
        index: "moved",
        tables: sent.rows().map(|(table, rows)| (table.to_owned(), rows)).collect(),
        rows: sent.all(),
        sum: format!("{:032x}", sent.sum()),
        fill_millis,
        check_millis,
        store,
        unrecorded,
    })
}

/// Moves the bodies of `old`'s store to that of `new`. It goes on where it was broken off. `told` hears of each body.
///
/// # Errors
/// [`MigrationError`].
pub async fn move_store(
    old: &Settings,
    new: &Settings,
    moment: Moment,
    told: &(dyn Fn(&Transfer) + Send + Sync),
) -> Result<StoreMoved, MigrationError> {
    if old.store.is_place_of(&new.store) {
        return Err(MigrationError::SameStore);
    }
    if old.index != new.index {
        return Err(MigrationError::OtherIndex);
    }
    let from = BlobStore::open(&old.store).map_err(StartError::Store)?;
    let to = BlobStore::open(&new.store).map_err(StartError::Store)?;
    if let Some(marker) = to.marker().await? {
        return Err(MigrationError::StoreInUse(marker.store));
    }
    if moment == Moment::Ahead {
        let transfer = transfer(&from, &to, COPIES_AT_ONCE, told).await?;
        return Ok(StoreMoved { store: "ahead", transfer, compared: None, unrecorded: Vec::new() });
    }
    let services = Services::build(new).await?;
    unused(services.engine.as_ref()).await?;
    let row = services.engine.store().await?.ok_or(MigrationError::NothingThere)?;
    replica_of(new, row).await?;
    let newest = services.engine.newest_event().await?;
    let transfer = transfer(&from, &to, COPIES_AT_ONCE, told).await?;
    let compared = reconcile(services.engine.as_ref(), &to, &|_| {}).await?;
    if !compared.is_whole() || transfer.failed > 0 {
        let named = compared.findings.iter().map(|frame| format!("{} of version {:?} is {}", frame.blob, frame.version, frame.damage));
        let findings = transfer.findings.iter().cloned().chain(named).collect();
        return Err(MigrationError::NotWhole {
            missing: compared.missing,
            truncated: compared.truncated,
            failed: transfer.failed,
            findings,
        });
    }
    // Also what an earlier run has copied, or what was there: a length says little.
    as_stored(services.engine.as_ref(), &to).await?;
    unwritten(services.engine.as_ref(), newest).await?;
    let unrecorded = take_over(&services, row, OperatorAction::MoveStore, &compared).await?;
    Ok(StoreMoved { store: "moved", transfer, compared: Some(compared), unrecorded })
}

/// Refuses while gateways work on the index. A file says so itself: nobody else can open it.
async fn unused(index: &dyn Engine) -> Result<(), MigrationError> {
    match index.other_connections().await? {
        0 => Ok(()),
        others => Err(MigrationError::GatewaysRun(others)),
    }
}

/// Refuses where somebody has come, or was there, since the newest event was `newest`.
async fn unwritten(index: &dyn Engine, newest: u64) -> Result<(), MigrationError> {
    unused(index).await?;
    if index.newest_event().await? == newest { Ok(()) } else { Err(MigrationError::Written) }
}

/// Sees that the replica of `new`, where there is one, can be asked and is one of the store that is moved, or empty.
async fn replica_of(new: &Settings, row: StoreRow) -> Result<(), MigrationError> {
    let Some(replica) = &new.replica else { return Ok(()) };
    let replica = BlobStore::open(&replica.store).map_err(StartError::Store)?;
    match replica.marker().await? {
        Some(marker) if marker.store != row.id => {
            let others = PairingError::OtherReplica { index: row.id, replica: marker.store };
            Err(MigrationError::Replica(Box::new(others)))
        }
        _ => Ok(()),
    }
}

/// Reads every body that the index names, and compares it with its row.
async fn as_stored(index: &dyn Engine, store: &BlobStore) -> Result<(), MigrationError> {
    let (mut after, mut wrong, mut named) = (None, 0, Vec::new());
    loop {
        let frames = index.frames(after, FRAMES).await?;
        let Some(last) = frames.last() else { break };
        after = Some(last.key());
        let read = |frame: FrameRow| async move { (frame.location.blob, store.checksum(&frame.location).await, frame.stored_crc) };
        let mut read = std::pin::pin!(stream::iter(frames).map(read).buffer_unordered(COPIES_AT_ONCE));
        while let Some((blob, found, wanted)) = read.next().await {
            let what = match found {
                Ok(crc) if crc == wanted => continue,
                Ok(_other) => format!("{blob} is not as it was stored: delete it there"),
                Err(error) => format!("{blob}: {}", causes(&error)),
            };
            wrong += 1;
            if named.len() < NAMED_MAX {
                named.push(what);
            }
        }
    }
    if wrong == 0 { Ok(()) } else { Err(MigrationError::NotAsStored(wrong, named)) }
}

/// Gives index and store an id that only they have: whatever they belonged to before is refused from now on. Nothing is
/// collected before an operator has looked where bodies are missing.
async fn take_over(
    services: &Services,
    row: StoreRow,
    action: OperatorAction,
    compared: &Reconciliation,
) -> Result<Vec<String>, MigrationError> {
    let generation = row.generation + 1;
    let id = StoreId::random();
    let index = StoreRow { id, generation: if compared.is_whole() { generation } else { 0 } };
    let unrecorded = admin::given_store(&admin_services(services), action, index).await?;
    // Dying here leaves an index and a store of different ids, which `hozon store adopt` brings together.
    let marker = StoreMarker { store: id, generation };
    services.blobs.mark(marker).await?;
    // The replica goes along. One that has no marker yet gets its own when a gateway starts.
    if let Some(replica) = services.blobs.from_replica()
        && replica.marker().await?.is_some()
    {
        replica.mark(marker).await?;
    }
    Ok(unrecorded)
}

/// Copies every row, and gives what they add up to.
async fn pass(from: &Arc<dyn Engine>, new: &Settings, told: &(dyn Fn(u64) + Send + Sync)) -> Result<Tally, MigrationError> {
    let (out, mut batches) = mpsc::channel::<Batch>(ON_THE_WAY);
    let (give, given) = mpsc::channel(ON_THE_WAY);
    let passing = async move {
        let mut tally = Tally::default();
        while let Some(batch) = batches.recv().await {
            tally.add(&batch)?;
            told(tally.all());
            give.send(Ok(batch)).await.map_err(|_left| CopyError::BrokenOff)?;
        }
        Ok::<_, CopyError>((tally, give))
    };
    let feeding = async {
        let (dumped, passed) = tokio::join!(from.dump(out), passing);
        match (dumped, passed) {
            (Ok(()), Ok((tally, _end))) => Ok(tally),
            (Err(error), Ok((_, give))) => {
                // What broke off must not be taken for whole.
                let _left = give.send(Err(CopyError::BrokenOff)).await;
                Err(error)
            }
            (_, Err(error)) => Err(error),
        }
    };
    let (fed, loaded) = tokio::join!(feeding, engine::load(&new.index, (given, Origin::Moved), &SystemClock));
    match (fed, loaded) {
        (Ok(tally), Ok(())) => Ok(tally),
        (Ok(_) | Err(CopyError::BrokenOff), Err(error)) | (Err(error), _) => Err(error.into()),
    }
}

/// What all rows of an index add up to.
async fn tally(index: &Arc<dyn Engine>) -> Result<Tally, CopyError> {
    let (out, mut batches) = mpsc::channel::<Batch>(ON_THE_WAY);
    let adding = async {
        let mut tally = Tally::default();
        while let Some(batch) = batches.recv().await {
            tally.add(&batch)?;
        }
        Ok::<_, CopyError>(tally)
    };
    let (dumped, tally) = tokio::join!(index.dump(out), adding);
    dumped.and(tally)
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The findings of a refused move, for who shows them.
#[must_use]
pub fn findings(error: &MigrationError) -> Vec<String> {
    match error {
        MigrationError::NotWhole { findings, .. } | MigrationError::NotAsStored(_, findings) => findings.clone(),
        other => vec![causes(other)],
    }
}
