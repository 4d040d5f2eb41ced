use super::{BackupError, PieceName, Plan, Shelf};
use crate::domain::{Clock, UtcTime, causes};
use crate::engine::{self, IndexSettings};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Batches on their way into the index.
const ON_THE_WAY: usize = 4;

/// An index that was filled.
#[derive(Debug, Clone)]
pub struct Filled {
    /// From these pieces.
    pub plan: Plan,
    /// Snapshots that could not be read, and were passed over for an older one and a longer journal.
    pub passed_over: Vec<PieceName>,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

/// Fills the empty index of `settings` with the newest state that the backup has, or the newest up to `at`. It is filled
/// whole or stays empty. A snapshot that cannot be read is passed over.
///
/// # Errors
/// [`BackupError`]: when no whole state can be had, or the index is not empty.
pub async fn fill(shelf: &Shelf, at: Option<UtcTime>, (settings, clock): (&IndexSettings, &dyn Clock)) -> Result<Filled, BackupError> {
    let (mut passed_over, begun) = (Vec::new(), Instant::now());
    loop {
        let plan = shelf.plan(at, &passed_over).await?;
        match fill_by(shelf, &plan, settings, clock).await {
            Ok(()) => {
                let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                return Ok(Filled { plan, passed_over, millis });
            }
            Err(error) if is_about(&error, &plan.snapshot) => {
                passed_over.push(plan.snapshot);
                if shelf.plan(at, &passed_over).await.is_err() {
                    // What is wrong with the newest says more than that there is no other.
                    return Err(error);
                }
                tracing::warn!(snapshot = %plan.snapshot, error = causes(&error), "an older snapshot is taken");
            }
            Err(error) => return Err(error),
        }
    }
}

async fn fill_by(shelf: &Shelf, plan: &Plan, settings: &IndexSettings, clock: &dyn Clock) -> Result<(), BackupError> {
    let (out, batches) = mpsc::channel(ON_THE_WAY);
    let (sent, loaded) = tokio::join!(
        async {
            let sent = plan.send(shelf, &out).await;
            drop(out);
            sent
        },
        engine::load(settings, batches, clock)
    );
    match (sent, loaded) {
        (Ok(()), Ok(())) => Ok(()),
        // Whichever broke off first has the reason: a load that was left alone says only that.
        (Err(BackupError::Copy(_)) | Ok(()), Err(error)) => Err(error.into()),
        (Err(error), _) => Err(error),
    }
}

/// Whether it is this piece that cannot be read.
fn is_about(error: &BackupError, piece: &PieceName) -> bool {
    match error {
        BackupError::Altered { name, .. } | BackupError::Malformed { name } => *name == piece.to_string(),
        BackupError::Archive(crate::blob::ArchiveError::Missing { name }) => *name == piece.to_string(),
        _ => false,
    }
}
