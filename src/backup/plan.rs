use super::{BackupError, PieceName, PieceReader, Shelf};
use crate::domain::UtcTime;
use crate::engine::{Batch, CopyError};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

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
    /// The newest of the snapshots, or the newest up to `at`.
    pub(super) fn newest(snapshots: &[PieceName], at: Option<UtcTime>) -> Result<PieceName, BackupError> {
        let usable = snapshots.iter().filter(|name| at.is_none_or(|at| name.at <= at));
        usable.max_by_key(|name| name.at).copied().ok_or(BackupError::NoSnapshot(at))
    }

    /// A snapshot and what follows it in `journal`, which is in order, up to `at`.
    pub(super) fn of(snapshot: PieceName, journal: impl Iterator<Item = PieceName>, at: Option<UtcTime>) -> Result<Self, BackupError> {
        let mut chosen: Vec<PieceName> = Vec::new();
        for name in journal.filter(|name| name.number >= snapshot.number) {
            if at.is_some_and(|at| name.at > at) {
                break;
            }
            let expected = snapshot.number + chosen.len() as u64;
            if name.number != expected {
                let until = chosen.last().map_or(snapshot.at, |last| last.at);
                return Err(BackupError::Gap { number: expected, until, next: name.to_string() });
            }
            chosen.push(name);
        }
        Ok(Self { snapshot, journal: chosen })
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
        send_one(shelf.open(self.snapshot).await?, out).await?;
        // Each is opened by a task of its own: an answer of the store that nobody takes while the index is filled would be late.
        let open = |name: PieceName| {
            let shelf = shelf.clone();
            AbortOnDropHandle::new(tokio::spawn(async move { shelf.open(name).await }))
        };
        let mut pieces = stream::iter(self.journal.iter().copied()).map(open).buffered(AHEAD);
        let mut until = self.snapshot.at;
        for name in &self.journal {
            let opened = pieces.next().await.and_then(Result::ok).ok_or(BackupError::Stopping)?;
            let sent = match opened {
                Ok(piece) => send_one(piece, out).await,
                Err(error) => Err(error),
            };
            sent.map_err(|error| if error.is_of_piece() { BackupError::Broken { until, source: Box::new(error) } } else { error })?;
            until = until.max(name.at);
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

    fn piece(chain: ChainId, kind: PieceKind, number: u64, at: i64) -> PieceName {
        PieceName { chain, kind, number, at: UtcTime::from_micros(at), token: 1, attempt: 1 }
    }

    fn pieces(kind: PieceKind, of: &[(u64, i64)]) -> Vec<PieceName> {
        let chain = ChainId::from_bytes([7; 16]);
        of.iter().map(|(number, at)| piece(chain, kind, *number, *at)).collect()
    }

    #[test]
    fn the_newest_snapshot_up_to_a_moment_is_chosen() {
        let snapshots = pieces(PieceKind::Snapshot, &[(0, 5), (2, 30), (0, 10)]);
        let chosen = |at: Option<i64>| Plan::newest(&snapshots, at.map(UtcTime::from_micros)).map(|name| name.at.micros());
        assert_eq!(chosen(None).unwrap(), 30);
        assert_eq!(chosen(Some(29)).unwrap(), 10);
        assert!(matches!(chosen(Some(4)), Err(BackupError::NoSnapshot(Some(_)))));
    }

    #[test]
    fn what_follows_a_snapshot_is_in_order_and_a_missing_segment_is_noticed_unless_it_is_not_wanted() {
        let snapshot = pieces(PieceKind::Snapshot, &[(1, 10)])[0];
        let chosen = |journal: &[(u64, i64)], at: Option<i64>| {
            let plan = Plan::of(snapshot, pieces(PieceKind::Journal, journal).into_iter(), at.map(UtcTime::from_micros));
            plan.map(|plan| plan.journal.iter().map(|name| name.number).collect::<Vec<_>>())
        };
        assert_eq!(chosen(&[(0, 9), (1, 11), (2, 12)], None).unwrap(), [1, 2]);
        assert_eq!(chosen(&[(0, 9), (1, 11), (2, 12)], Some(11)).unwrap(), [1]);
        assert!(matches!(chosen(&[(1, 11), (3, 30)], None), Err(BackupError::Gap { number: 2, until, .. }) if until.micros() == 11));
        assert!(matches!(chosen(&[(3, 30)], None), Err(BackupError::Gap { number: 1, until, .. }) if until == snapshot.at));
        assert_eq!(chosen(&[(1, 11), (3, 30)], Some(29)).unwrap(), [1]);
    }
}
