use super::{BackupError, Choice, PieceName, Plan, Shelf};
use crate::domain::{Clock, causes};
use crate::engine::{self, IndexSettings, Origin};
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

/// Which index is to be filled.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// It must be empty.
    pub settings: &'a IndexSettings,
    /// Time.
    pub clock: &'a dyn Clock,
    /// [`Origin::Backup`] for one that gateways are to use, [`Origin::Looked`] for any other.
    pub origin: Origin,
}

/// Fills an empty index with the state that is wanted. It is filled whole or stays empty. A snapshot that cannot be read is
/// passed over.
///
/// # Errors
/// [`BackupError`]: when no whole state can be had, or the index is not empty.
pub async fn fill(shelf: &Shelf, choice: &Choice, target: Target<'_>) -> Result<Filled, BackupError> {
    let (mut choice, mut passed_over, begun) = (choice.clone(), Vec::new(), Instant::now());
    loop {
        let plan = shelf.plan(&choice).await?;
        match fill_by(shelf, &plan, target).await {
            Ok(()) => {
                let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                return Ok(Filled { plan, passed_over, millis });
            }
            // What is wrong with a segment is said as such.
            Err(error) if error.is_of_piece() && !matches!(error, BackupError::OtherForm { .. }) => {
                passed_over.push(plan.snapshot);
                choice.without.push(plan.snapshot);
                if let Err(BackupError::NoSnapshot(_)) = shelf.plan(&choice).await {
                    // What is wrong with the newest says more than that there is no other.
                    return Err(error);
                }
                tracing::warn!(snapshot = %plan.snapshot, error = causes(&error), "an older snapshot is taken");
            }
            Err(error) => return Err(error),
        }
    }
}

async fn fill_by(shelf: &Shelf, plan: &Plan, target: Target<'_>) -> Result<(), BackupError> {
    let Target { settings, clock, origin } = target;
    let (out, batches) = mpsc::channel(ON_THE_WAY);
    let (sent, loaded) = tokio::join!(
        async {
            let sent = plan.send(shelf, &out).await;
            drop(out);
            sent
        },
        engine::load(settings, (batches, origin), clock)
    );
    match (sent, loaded) {
        (Ok(()), Ok(())) => Ok(()),
        // Whichever broke off first has the reason: a load that was left alone says only that.
        (Err(BackupError::Copy(_)) | Ok(()), Err(error)) => Err(error.into()),
        (Err(error), _) => Err(error),
    }
}
