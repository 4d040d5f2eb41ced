use super::{BackupError, BackupKeys, Choice, PieceKind, PieceName, PieceReader, Plan};
use crate::blob::{Archive, Archived};
use crate::domain::ChainId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// By how much the clocks of two gateways may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// All backups of one store, for who reads them.
#[derive(Debug, Clone)]
pub struct Shelf {
    pub(super) archive: Archive,
    pub(super) keys: BackupKeys,
}

/// One unbroken backup as its store lists it. Whether a piece is whole is known only once it was read.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Which.
    pub id: ChainId,
    /// Its snapshots with their bytes, in the order of their moments.
    pub snapshots: Vec<(PieceName, u64)>,
    /// Its journal with the segments' bytes, in order; of several with one number the one that holds all.
    pub journal: Vec<(PieceName, u64)>,
}

impl Shelf {
    /// What `archive` holds, opened by `keys`.
    #[must_use]
    pub const fn new(archive: Archive, keys: BackupKeys) -> Self {
        Self { archive, keys }
    }

    /// Every backup that there is, the one with the newest snapshot last. Objects whose names are none of ours are passed over.
    ///
    /// # Errors
    /// [`BackupError::Archive`].
    pub async fn chains(&self) -> Result<Vec<Chain>, BackupError> {
        Ok(chains_of(named(&self.archive.list("").await?)))
    }

    /// The pieces of the state that is wanted. Lists only what is needed for that: a journal has a segment for each second
    /// in which something changed.
    ///
    /// # Errors
    /// [`BackupError::NoSnapshot`]; [`BackupError::Gap`] when a segment is missing and a later one is there;
    /// [`BackupError::Several`] when none is named and two backups could be meant.
    pub async fn plan(&self, choice: &Choice) -> Result<Plan, BackupError> {
        let mut snapshots = Vec::new();
        for chain in self.archive.folders().await?.iter().filter(|folder| ChainId::parse(folder).is_ok()) {
            snapshots.extend(named(&self.archive.list(&format!("{chain}/snapshot")).await?).filter(|(name, _)| choice.takes(name)));
        }
        let snapshots: Vec<PieceName> = snapshots.into_iter().map(|(name, _)| name).collect();
        let snapshot = Plan::newest(&snapshots, choice.until)?;
        let plan = Plan::of(snapshot, self.journal(snapshot.chain, snapshot.number, choice).await?.into_iter(), choice.until)?;
        if choice.chain.is_none() {
            self.continues(&plan, choice).await?;
            self.is_only(&plan, &snapshots, choice).await?;
        }
        Ok(plan)
    }

    /// The segments of a backup from the number `first` on, in order.
    async fn journal(&self, chain: ChainId, first: u64, choice: &Choice) -> Result<Vec<PieceName>, BackupError> {
        let listed = self.archive.list_after(&format!("{chain}/journal"), &format!("{chain}/journal/{first:012}")).await?;
        let chains = chains_of(named(&listed).filter(|(name, _)| choice.takes(name)));
        Ok(chains.into_iter().flat_map(|chain| chain.journal).map(|(name, _)| name).collect())
    }

    /// Whether the backup before has nothing that this one does not go on from: otherwise an older copy of the index began
    /// this one, and changes that the other holds are not in it.
    async fn continues(&self, plan: &Plan, choice: &Choice) -> Result<(), BackupError> {
        // What is wrong with the snapshot is said once it is used.
        let Ok(Some(follows)) = self.open(plan.snapshot).await.map(|piece| piece.facts().follows.clone()) else { return Ok(()) };
        let Ok(other) = ChainId::parse(&follows.chain) else { return Ok(()) };
        let later = self.journal(other, follows.number, choice).await?;
        match later.iter().map(|name| name.at).max() {
            Some(until) => Err(BackupError::Several { newest: plan.snapshot.chain, other, until }),
            None => Ok(()),
        }
    }

    /// Whether no other backup is of the same time.
    async fn is_only(&self, plan: &Plan, snapshots: &[PieceName], choice: &Choice) -> Result<(), BackupError> {
        let chosen = plan.snapshot.chain;
        let of =
            |chain: ChainId| snapshots.iter().filter(move |name| name.chain == chain && choice.until.is_none_or(|until| name.at <= until));
        let begun = of(chosen).map(|name| name.at).min().unwrap_or(plan.snapshot.at);
        let others: BTreeSet<ChainId> = snapshots.iter().map(|name| name.chain).filter(|chain| *chain != chosen).collect();
        for other in others {
            let (Some(first), Some(last)) = (of(other).map(|name| name.at).min(), of(other).max_by_key(|name| name.at)) else { continue };
            let journal = self.journal(other, last.number, choice).await?;
            let until =
                journal.iter().map(|name| name.at).chain([last.at]).filter(|at| choice.until.is_none_or(|until| *at <= until)).max();
            let until = until.unwrap_or(last.at);
            if first.plus(CLOCKS_DIFFER) < plan.moment() && begun.plus(CLOCKS_DIFFER) < until {
                return Err(BackupError::Several { newest: chosen, other, until });
            }
        }
        Ok(())
    }

    /// Reads a piece.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn open(&self, name: PieceName) -> Result<PieceReader, BackupError> {
        PieceReader::open(&self.archive, name, &self.keys).await
    }
}

/// The pieces among what is listed, with their bytes.
fn named(listed: &[Archived]) -> impl Iterator<Item = (PieceName, u64)> {
    listed.iter().filter_map(|found| PieceName::parse(&found.name).map(|name| (name, found.bytes)))
}

fn chains_of(pieces: impl Iterator<Item = (PieceName, u64)>) -> Vec<Chain> {
    let mut chains: BTreeMap<ChainId, Chain> = BTreeMap::new();
    for (name, bytes) in pieces {
        let chain = chains.entry(name.chain).or_insert_with(|| Chain { id: name.chain, snapshots: Vec::new(), journal: Vec::new() });
        match name.kind {
            PieceKind::Snapshot => chain.snapshots.push((name, bytes)),
            PieceKind::Journal => chain.journal.push((name, bytes)),
        }
    }
    let mut chains: Vec<Chain> = chains.into_values().collect();
    for chain in &mut chains {
        chain.snapshots.sort_by_key(|(name, _)| (name.at, name.token, name.attempt));
        // The newest of each number comes first, and the others of it go.
        chain.journal.sort_by_key(|(name, _)| (name.number, std::cmp::Reverse((name.token, name.attempt))));
        chain.journal.dedup_by_key(|(name, _)| name.number);
    }
    chains.sort_by_key(|chain| chain.snapshots.last().map(|(name, _)| name.at));
    chains
}
