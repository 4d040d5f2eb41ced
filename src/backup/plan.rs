use super::{BackupError, Chain, PieceName, PieceReader, Shelf};
use crate::domain::UtcTime;
use crate::engine::{Batch, CopyError};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;

/// Segments that are opened ahead.
const AHEAD: usize = 16;

/// The pieces that together are the index of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Every row of an earlier moment.
    pub snapshot: PieceName,
    /// What has changed since, in order, without a gap.
    pub journal: Vec<PieceName>,
}

impl Plan {
    /// The pieces for the newest moment, or for the newest up to `at`. Snapshots of which it is known that they cannot be
    /// used are `passed_over`.
    ///
    /// # Errors
    /// [`BackupError::NoSnapshot`]; [`BackupError::Gap`] when a segment is missing and a later one is there.
    pub fn choose(chains: &[Chain], at: Option<UtcTime>, passed_over: &[PieceName]) -> Result<Self, BackupError> {
        let is_in_time = |name: &PieceName| at.is_none_or(|at| name.at <= at);
        let snapshots = chains.iter().flat_map(|chain| chain.snapshots.iter().map(move |(name, _)| (chain, *name)));
        let usable = snapshots.filter(|(_, name)| is_in_time(name) && !passed_over.contains(name));
        let (chain, snapshot) = usable.max_by_key(|(_, name)| name.at).ok_or(BackupError::NoSnapshot(at))?;
        let mut journal: Vec<PieceName> = Vec::new();
        for (name, _) in chain.journal.iter().filter(|(name, _)| name.number >= snapshot.number) {
            if !is_in_time(name) {
                break;
            }
            let expected = snapshot.number + journal.len() as u64;
            if name.number != expected {
                return Err(BackupError::Gap { number: expected, until: journal.last().map(|last| last.at) });
            }
            journal.push(*name);
        }
        Ok(Self { snapshot, journal })
    }

    /// The moment of the index that they are.
    #[must_use]
    pub fn moment(&self) -> UtcTime {
        // A clock may have been set back between two of them.
        self.journal.iter().map(|name| name.at).fold(self.snapshot.at, UtcTime::max)
    }

    /// Sends all batches, in the order in which an empty index takes them. What cannot be read is told there as well, so
    /// that nothing half is taken for whole.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn send(&self, shelf: &Shelf, out: &mpsc::Sender<Result<Batch, CopyError>>) -> Result<(), BackupError> {
        let sent = self.send_all(shelf, out).await;
        if sent.is_err() {
            let _gone = out.send(Err(CopyError::BrokenOff)).await; // whoever has left takes nothing for whole
        }
        sent
    }

    async fn send_all(&self, shelf: &Shelf, out: &mpsc::Sender<Result<Batch, CopyError>>) -> Result<(), BackupError> {
        let names = std::iter::once(self.snapshot).chain(self.journal.iter().copied());
        let mut pieces = stream::iter(names).map(|name| shelf.open(name)).buffered(AHEAD);
        while let Some(piece) = pieces.try_next().await? {
            send_one(piece, out).await?;
        }
        Ok(())
    }
}

async fn send_one(mut piece: PieceReader, out: &mpsc::Sender<Result<Batch, CopyError>>) -> Result<(), BackupError> {
    while let Some(batch) = piece.next().await? {
        out.send(Ok(batch)).await.map_err(|_left| CopyError::BrokenOff)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::PieceKind;
    use crate::domain::ChainId;

    fn piece(chain: ChainId, kind: PieceKind, number: u64, at: i64) -> (PieceName, u64) {
        (PieceName { chain, kind, number, at: UtcTime::from_micros(at), token: 1, attempt: 1 }, 10)
    }

    fn chain(snapshots: &[(u64, i64)], journal: &[(u64, i64)]) -> Chain {
        let id = ChainId::random();
        let pieces = |kind, of: &[(u64, i64)]| of.iter().map(|(number, at)| piece(id, kind, *number, *at)).collect();
        Chain { id, snapshots: pieces(PieceKind::Snapshot, snapshots), journal: pieces(PieceKind::Journal, journal) }
    }

    fn numbers(plan: &Plan) -> (i64, Vec<u64>) {
        (plan.snapshot.at.micros(), plan.journal.iter().map(|name| name.number).collect())
    }

    #[test]
    fn the_newest_snapshot_and_what_came_after_it_are_chosen() {
        let chains = [chain(&[(0, 5)], &[(0, 6), (1, 7)]), chain(&[(0, 10), (2, 30)], &[(0, 11), (1, 25), (2, 31), (3, 40)])];
        let chosen = |at: Option<i64>| Plan::choose(&chains, at.map(UtcTime::from_micros), &[]).map(|plan| numbers(&plan));
        assert_eq!(chosen(None).unwrap(), (30, vec![2, 3]));
        assert_eq!(chosen(Some(35)).unwrap(), (30, vec![2]));
        assert_eq!(chosen(Some(29)).unwrap(), (10, vec![0, 1]));
        assert_eq!(chosen(Some(9)).unwrap(), (5, vec![0, 1]));
        assert!(matches!(chosen(Some(4)), Err(BackupError::NoSnapshot(Some(_)))));
        let bad = chains[1].snapshots[1].0;
        assert_eq!(numbers(&Plan::choose(&chains, None, &[bad]).unwrap()), (10, vec![0, 1, 2, 3]));
    }

    #[test]
    fn a_missing_segment_is_noticed_unless_it_is_not_wanted() {
        let chains = [chain(&[(1, 10)], &[(0, 9), (1, 11), (3, 30)])];
        let chosen = |at: Option<i64>| Plan::choose(&chains, at.map(UtcTime::from_micros), &[]).map(|plan| numbers(&plan));
        assert!(matches!(chosen(None), Err(BackupError::Gap { number: 2, until: Some(at) }) if at.micros() == 11));
        assert_eq!(chosen(Some(29)).unwrap(), (10, vec![1]));
    }
}
