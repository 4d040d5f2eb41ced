use super::{BackupError, BackupKeys, PieceKind, PieceName, PieceReader, Plan};
use crate::blob::{Archive, Archived};
use crate::domain::{ChainId, UtcTime};
use std::collections::BTreeMap;

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
        Ok(chains_of(&self.archive.list("").await?))
    }

    /// The pieces for the newest moment, or for the newest up to `at`. Snapshots of which it is known that they cannot be
    /// used are `passed_over`. Lists only what is needed for that: a journal has a segment for each second in which something
    /// changed.
    ///
    /// # Errors
    /// [`BackupError::NoSnapshot`]; [`BackupError::Gap`] when a segment is missing and a later one is there.
    pub async fn plan(&self, at: Option<UtcTime>, passed_over: &[PieceName]) -> Result<Plan, BackupError> {
        let mut snapshots = Vec::new();
        for chain in self.archive.folders().await?.iter().filter(|folder| ChainId::parse(folder).is_ok()) {
            snapshots.extend(self.archive.list(&format!("{chain}/snapshot")).await?);
        }
        let snapshots: Vec<PieceName> = snapshots.iter().filter_map(|found| PieceName::parse(&found.name)).collect();
        let snapshot = Plan::newest(&snapshots, at, passed_over)?;
        let (chain, first) = (snapshot.chain, snapshot.number);
        let journal = self.archive.list_after(&format!("{chain}/journal"), &format!("{chain}/journal/{first:012}")).await?;
        let journal = chains_of(&journal).into_iter().next().map(|chain| chain.journal).unwrap_or_default();
        Plan::of(snapshot, journal.into_iter().map(|(name, _)| name), at)
    }

    /// Reads a piece.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn open(&self, name: PieceName) -> Result<PieceReader, BackupError> {
        PieceReader::open(&self.archive, name, &self.keys).await
    }
}

fn chains_of(listed: &[Archived]) -> Vec<Chain> {
    let mut chains: BTreeMap<ChainId, Chain> = BTreeMap::new();
    for (name, bytes) in listed.iter().filter_map(|found| PieceName::parse(&found.name).map(|name| (name, found.bytes))) {
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
