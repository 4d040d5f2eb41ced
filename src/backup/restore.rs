use super::{BackupError, Choice, Filled, Shelf, Target, fill};
use crate::domain::{SystemClock, UtcTime};
use crate::engine::{self, IndexSettings, Merged, Origin, SqliteEngine, SqliteSettings};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Batches on their way.
const ON_THE_WAY: usize = 4;

/// An index that has the records of an earlier moment.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The earlier moment's pieces.
    pub earlier: Filled,
    /// The newest pieces, from which comes what must not come back or loosen.
    pub later: Filled,
    /// What became of the two.
    pub merged: Merged,
}

/// Fills an empty index with the records as they were at `at`. People, keys, rules and logs are of the newest state that is
/// chosen: what was revoked or destroyed since stays so, and nothing final goes or loosens. Needs room for two copies of the
/// index in the directory `scratch`.
///
/// # Errors
/// [`BackupError`]: the index stays empty.
pub async fn restore(shelf: &Shelf, (at, choice): (UtcTime, &Choice), target: Target<'_>, scratch: &Path) -> Result<Restored, BackupError> {
    let file = |name: &str| SqliteSettings { path: scratch.join(name), readers: 1 };
    let (earlier_file, later_file) = (file("earlier.sqlite"), file("later.sqlite"));
    let into = |file: &SqliteSettings| IndexSettings::Sqlite(file.clone());
    let (one, other) = (into(&later_file), into(&earlier_file));
    let beside = |settings| Target { settings, clock: target.clock, origin: Origin::Looked };
    let later = fill(shelf, choice, beside(&one)).await?;
    let earlier = fill(shelf, &Choice { until: Some(at), ..choice.clone() }, beside(&other)).await?;
    let merged = SqliteEngine::merge(&earlier_file, &later_file).await?;
    let from = engine::open(&IndexSettings::Sqlite(earlier_file), Arc::new(SystemClock)).await?;
    let (out, mut batches) = mpsc::channel(ON_THE_WAY);
    let (give, given) = mpsc::channel(ON_THE_WAY);
    let passing = async move {
        while let Some(batch) = batches.recv().await {
            if give.send(Ok(batch)).await.is_err() {
                return None;
            }
        }
        Some(give)
    };
    let dumping = async {
        let (dumped, give) = tokio::join!(from.dump(out), passing);
        // What broke off must not be taken for whole.
        if let (Err(_), Some(give)) = (&dumped, give) {
            let _left = give.send(Err(engine::CopyError::BrokenOff)).await;
        }
        dumped
    };
    let (dumped, loaded) = tokio::join!(dumping, engine::load(target.settings, (given, target.origin), target.clock));
    loaded.and(dumped)?;
    Ok(Restored { earlier, later, merged })
}
