use crate::blob::{BlobError, BlobStore, MarkerError, Scope, StoreMarker};
use crate::domain::{StoreId, TenantId, causes};
use crate::engine::{Changed, Engine, EngineError, Events, StoreRow};
use futures::TryStreamExt;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which index and which store belong together, and whether the index is the newest that the store has seen.
///
/// Bodies that no row names are deleted, so with a lost, wrong or older index every body would go. The store has
/// a marker with its id and a generation. The index repeats both, and its generation grows first: when its own is
/// the smaller one, it is an older copy, and nothing may be collected until an operator has looked.
#[derive(Debug)]
pub struct Pairing {
    engine: Arc<dyn Engine>,
    blobs: BlobStore,
    /// The newest event when the generation was last advanced here.
    seen: AtomicU64,
}

/// How an index stands to its own store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// It is the newest that the store has seen.
    Current(StoreRow),
    /// The store has seen a newer one: this is an older copy, or nobody has confirmed that the two belong together.
    Behind {
        /// What the index says.
        index: StoreRow,
        /// The generation that the store has seen.
        seen: u64,
    },
}

/// Index and store do not belong together, or cannot be asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairingError {
    /// They belong to others.
    #[error(
        "the index belongs to store {index}, and this is store {store}: the index or the store is not the right one \
         (`hozon store adopt --store {store}` makes them belong together from now on)"
    )]
    Others {
        /// The index's store.
        index: StoreId,
        /// The store that is there.
        store: StoreId,
    },
    /// The store has an index, and this one is new.
    #[error(
        "the index has no store yet, and store {store} belongs to another index: was the index lost, or is its path wrong? \
         (`hozon store adopt --store {store}` makes them belong together from now on)"
    )]
    NewIndex {
        /// The store that is there.
        store: StoreId,
    },
    /// The store holds bodies, has no marker, and the index names no body.
    #[error(
        "the store holds bodies and the index names none: was the index lost, or is one of the two paths wrong? \
         (`hozon store adopt --store none` makes them belong together from now on)"
    )]
    EmptyIndex,
    /// The index names bodies, and the store holds none and has no marker.
    #[error(
        "the index names bodies and the store is empty: is it mounted, and is its path right? \
         (`hozon store adopt --store none` makes them belong together from now on)"
    )]
    EmptyStore,
    /// The index has a store, and the one that is there has no marker.
    #[error(
        "the index belongs to store {index}, and the store that is there has no marker: is it the right one? \
         (`hozon store adopt --store none` makes them belong together from now on)"
    )]
    NoMarker {
        /// The index's store.
        index: StoreId,
    },
    /// The replica is another store's.
    #[error(
        "the index belongs to store {index}, and the replica is one of store {replica}: it is not the right one, and \
         nothing is written to it"
    )]
    OtherReplica {
        /// The index's store.
        index: StoreId,
        /// The store that the replica says it is one of.
        replica: StoreId,
    },
    /// The replica has no marker, and holds bodies.
    #[error("the replica holds bodies and has no marker: it is somebody else's, or lost its marker; give an empty one")]
    UnmarkedReplica,
    /// The replica had a marker, and the one that is there has none.
    #[error("the replica that is there has no marker: is it mounted, and is its path right?")]
    NoReplicaMarker,
    /// They belong together already, or to others than was said.
    #[error("the store is not as was said, or belongs to the index already: look again")]
    NotAsSaid,
    /// They were never brought together: no gateway has started with them.
    #[error("index and store were not brought together yet")]
    Unpaired,
    /// The index failed.
    #[error("the index cannot be asked for its store")]
    Engine(#[from] EngineError),
    /// The store failed.
    #[error("the store cannot be asked for its index")]
    Marker(#[from] MarkerError),
    /// The store cannot be searched.
    #[error("the store cannot be searched for bodies")]
    Blob(#[from] BlobError),
}

/// What an index without a store, or one whose store has no marker, stands before.
#[derive(Debug, Clone, Copy)]
struct Found {
    named: Bodies,
    stored: Bodies,
}

#[derive(Debug, Clone, Copy)]
enum Bodies {
    None,
    Some,
}

impl Pairing {
    /// Over the rows of `engine` and the bytes of `blobs`.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, blobs: BlobStore) -> Self {
        Self { engine, blobs, seen: AtomicU64::new(u64::MAX) }
    }

    /// Sees at the start of a gateway that index and store belong together. New ones are brought together.
    ///
    /// # Errors
    /// [`PairingError`]: the gateway must not start.
    pub async fn begin(&self) -> Result<Agreement, PairingError> {
        loop {
            let (row, marker) = self.both().await?;
            match (row, marker) {
                (Some(_), Some(_)) => return self.advance().await,
                (None, Some(marker)) => return Err(PairingError::NewIndex { store: marker.store }),
                (row, None) => {
                    let found = self.found().await?;
                    // Another gateway may have begun meanwhile: its marker came before its first body.
                    if self.blobs.marker().await?.is_none() {
                        self.make(row, found).await?;
                    }
                }
            }
        }
    }

    /// Sees that the replica, if there is one, is one of the index's store, and lets it be written then. A new one is
    /// marked. Whether it was; not where it cannot be asked now, so that this is to be tried again.
    ///
    /// # Errors
    /// [`PairingError`] when it is another store's: then nothing is ever written to it.
    pub async fn admit_replica(&self) -> Result<bool, PairingError> {
        let Some(replica) = self.blobs.from_replica() else { return Ok(true) };
        if self.blobs.admitted_replica().is_some() {
            return Ok(true);
        }
        let index = self.engine.store().await?.ok_or(PairingError::Unpaired)?;
        match admissible(&replica, index).await {
            Ok(()) => self.blobs.admit_replica(),
            Err(PairingError::Blob(error)) => {
                tracing::error!(error = causes(&error), "the replica cannot be asked whose it is: nothing is written to it yet");
                return Ok(false);
            }
            Err(PairingError::Marker(error @ MarkerError::Store(_))) => {
                tracing::error!(error = causes(&error), "the replica cannot be asked whose it is: nothing is written to it yet");
                return Ok(false);
            }
            Err(other) => return Err(other),
        }
        Ok(true)
    }

    /// Sees that the replica that is there now is one of the index's store. Changes nothing.
    ///
    /// # Errors
    /// [`PairingError`] when it is another one, is not mounted, or cannot be asked.
    pub async fn look_at_replica(&self) -> Result<(), PairingError> {
        let Some(replica) = self.blobs.from_replica() else { return Ok(()) };
        let index = self.engine.store().await?.ok_or(PairingError::Unpaired)?;
        match replica.marker().await? {
            Some(marker) if marker.store == index.id => Ok(()),
            Some(marker) => Err(PairingError::OtherReplica { index: index.id, replica: marker.store }),
            None => Err(PairingError::NoReplicaMarker),
        }
    }

    /// Writes the marker, to the replica as well. There an older one does no harm.
    async fn mark(&self, marker: StoreMarker) -> Result<(), MarkerError> {
        self.blobs.mark(marker).await?;
        if let Some(replica) = self.blobs.admitted_replica()
            && let Err(error) = replica.mark(marker).await
        {
            tracing::warn!(error = causes(&error), "the replica's marker could not be written");
        }
        Ok(())
    }

    /// How they stand to each other now. Changes nothing.
    ///
    /// # Errors
    /// [`PairingError`] when they do not belong together, or were not brought together yet.
    pub async fn look(&self) -> Result<Agreement, PairingError> {
        match self.both().await? {
            (Some(index), Some(marker)) if index.generation < marker.generation => Ok(Agreement::Behind { index, seen: marker.generation }),
            (Some(index), Some(_)) => Ok(Agreement::Current(index)),
            (None, Some(marker)) => Err(PairingError::NewIndex { store: marker.store }),
            (row, None) => match expected(row, self.found().await?) {
                Ok(_) => Err(PairingError::Unpaired),
                Err(error) => Err(error),
            },
        }
    }

    /// Makes a newer generation, which older copies of the index do not have. An index that is behind stays so.
    ///
    /// # Errors
    /// [`PairingError`] when they do not belong together, or either cannot be written.
    pub async fn advance(&self) -> Result<Agreement, PairingError> {
        let newest = self.engine.newest_event().await?;
        loop {
            let row = match self.look().await? {
                Agreement::Current(row) => row,
                behind @ Agreement::Behind { .. } => return Ok(behind),
            };
            let next = StoreRow { generation: row.generation + 1, ..row };
            // The index first: dying here leaves it ahead of the marker, which is as good as level.
            if self.engine.set_store(Some(row), next, Events::default()).await? == Changed::Done {
                self.mark(marker_of(next)).await?;
                self.seen.store(newest, Ordering::Relaxed);
                return Ok(Agreement::Current(next));
            }
        }
    }

    /// Advances if anything has become durable since the last time. One task of the process calls it each minute:
    /// an older copy of the index is noticed if anything was written more than that after it was made.
    ///
    /// # Errors
    /// Those of [`advance`](Self::advance).
    pub async fn keep(&self) -> Result<Agreement, PairingError> {
        if self.engine.newest_event().await? == self.seen.load(Ordering::Relaxed) { self.look().await } else { self.advance().await }
    }

    /// Takes an index that is behind for the right one, on an operator's word: bodies that it does not name may go
    /// from now on. `seen` is the generation that the operator was shown; `events` become durable with it.
    ///
    /// # Errors
    /// [`PairingError::NotAsSaid`] when the index is not behind that generation.
    pub async fn accept(&self, seen: u64, events: Events) -> Result<Agreement, PairingError> {
        let row = match self.look().await? {
            Agreement::Behind { index, seen: there } if there == seen => index,
            Agreement::Behind { .. } | Agreement::Current(_) => return Err(PairingError::NotAsSaid),
        };
        let next = StoreRow { generation: seen + 1, ..row };
        if self.engine.set_store(Some(row), next, events).await? == Changed::Conflict {
            return Err(PairingError::NotAsSaid);
        }
        self.mark(marker_of(next)).await?;
        Ok(Agreement::Current(next))
    }

    /// Makes index and store belong together that do not, on an operator's word. The operator names the store that
    /// is there, or none for one without a marker. The index is behind then: nothing is collected before it was
    /// [accepted](Self::accept).
    ///
    /// # Errors
    /// [`PairingError::NotAsSaid`] when there is another store, or they belong together already.
    pub async fn adopt(&self, store: Option<StoreId>, events: Events) -> Result<Agreement, PairingError> {
        let (row, marker) = (self.engine.store().await?, self.blobs.marker().await?);
        if marker.map(|marker| marker.store) != store || (store.is_some() && row.map(|row| row.id) == store) {
            return Err(PairingError::NotAsSaid);
        }
        let id = store.or_else(|| row.map(|row| row.id)).unwrap_or_else(StoreId::random);
        // At zero, which is behind every marker.
        let index = StoreRow { id, generation: 0 };
        if self.engine.set_store(row, index, events).await? == Changed::Conflict {
            return Err(PairingError::NotAsSaid);
        }
        let seen = marker.map_or(1, |marker| marker.generation);
        if marker.is_none() {
            self.mark(StoreMarker { store: id, generation: seen }).await?;
        }
        Ok(Agreement::Behind { index, seen })
    }

    /// Both sides, if they do not name others.
    async fn both(&self) -> Result<(Option<StoreRow>, Option<StoreMarker>), PairingError> {
        // The marker first: a marker that is read later than the row may have been advanced by another gateway.
        let marker = self.blobs.marker().await?;
        let row = self.engine.store().await?;
        match (row, marker) {
            (Some(row), Some(marker)) if row.id != marker.store => Err(PairingError::Others { index: row.id, store: marker.store }),
            both => Ok(both),
        }
    }

    async fn found(&self) -> Result<Found, PairingError> {
        let named = if self.engine.names_blobs().await? { Bodies::Some } else { Bodies::None };
        let stored = if holds_bodies(&self.blobs).await? { Bodies::Some } else { Bodies::None };
        Ok(Found { named, stored })
    }

    /// Brings an index and a store without a marker together.
    async fn make(&self, row: Option<StoreRow>, found: Found) -> Result<(), PairingError> {
        let marker = expected(row, found)?;
        let index = row.unwrap_or(StoreRow { id: StoreId::random(), generation: 1 });
        // Where another gateway was quicker, its id holds, and the marker is its own to write.
        if row.is_none() && self.engine.set_store(None, index, Events::default()).await? == Changed::Conflict {
            return Ok(());
        }
        // Dying here leaves an index with a store that has no marker and no bodies: the next start writes it.
        Ok(self.mark(StoreMarker { store: index.id, generation: marker }).await?)
    }
}

/// Whether a store that has no index of its own may be taken by a new one.
///
/// # Errors
/// [`PairingError`] when it has an index, or bodies.
pub async fn fits_new_index(blobs: &BlobStore) -> Result<(), PairingError> {
    if let Some(marker) = blobs.marker().await? {
        return Err(PairingError::NewIndex { store: marker.store });
    }
    if holds_bodies(blobs).await? { Err(PairingError::EmptyIndex) } else { Ok(()) }
}

/// Whether a replica is one of the store that `index` names. One that is empty becomes one.
async fn admissible(replica: &BlobStore, index: StoreRow) -> Result<(), PairingError> {
    match replica.marker().await? {
        Some(marker) if marker.store == index.id => Ok(()),
        Some(marker) => Err(PairingError::OtherReplica { index: index.id, replica: marker.store }),
        None if holds_bodies(replica).await? => Err(PairingError::UnmarkedReplica),
        None => Ok(replica.mark(marker_of(index)).await?),
    }
}

/// The generation with which a store without a marker is marked, if it may be.
fn expected(row: Option<StoreRow>, found: Found) -> Result<u64, PairingError> {
    match (row, found) {
        // A first start, or one that broke off before the marker was written.
        (_, Found { named: Bodies::None, stored: Bodies::None }) => Ok(1),
        (None, Found { named: Bodies::None, stored: Bodies::Some }) => Err(PairingError::EmptyIndex),
        (_, Found { named: Bodies::Some, stored: Bodies::None }) => Err(PairingError::EmptyStore),
        // Both older than markers: they belong together as far as anyone knows, and an operator shall look.
        (None, Found { named: Bodies::Some, stored: Bodies::Some }) => Ok(2),
        (Some(row), Found { stored: Bodies::Some, .. }) => Err(PairingError::NoMarker { index: row.id }),
    }
}

async fn holds_bodies(blobs: &BlobStore) -> Result<bool, BlobError> {
    // What a probe leaves behind that is cut off belongs to nobody.
    let nobody = TenantId::from_bytes([0; 16]);
    let mut bodies = blobs.list(Scope::All).try_filter(|listed| ready(listed.blob.tenant() != nobody));
    Ok(bodies.try_next().await?.is_some())
}

const fn marker_of(row: StoreRow) -> StoreMarker {
    StoreMarker { store: row.id, generation: row.generation }
}
