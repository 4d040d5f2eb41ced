use super::{BackupError, Choice, Filled, Plan, Shelf, Target, fill};
use crate::blob::{BlobError, BlobStore};
use crate::domain::{Clock, KekPurpose, KekState, SystemClock, causes};
use crate::engine::{self, Engine, EngineError, FrameRow, IndexSettings, KekRow, Origin, SqliteSettings};
use crate::root::Root;
use crate::seal::Context;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Frames that are walked over at a time.
const BATCH: usize = 1_000;

/// What a drill came to.
#[derive(Debug, Serialize)]
pub struct Drilled {
    /// `good` or `bad`.
    pub drill: &'static str,
    /// The backup that was tried.
    pub backup: String,
    /// The moment of the index that it gives.
    pub moment: String,
    /// Segments of the journal that were needed after the snapshot.
    pub segments: usize,
    /// Milliseconds until the index was filled: about what a recovery takes before the comparison with the store.
    pub fill_millis: u64,
    /// Its versions.
    pub versions: u64,
    /// Its tenants.
    pub tenants: u64,
    /// Tenant keys that the root opened.
    pub keys_opened: u64,
    /// Tenant keys that it does not open.
    pub keys_not_opened: Vec<String>,
    /// Stored bodies, or parts of them, that there are.
    pub frames: u64,
    /// Of these, drawn at random and read.
    pub read: u64,
    /// Of these, there byte by byte as the restored row says.
    pub read_good: u64,
    /// What is wrong with the others.
    pub findings: Vec<String>,
}

/// What a drill is to try.
#[derive(Debug)]
pub struct Trial<'a> {
    /// Which state.
    pub choice: &'a Choice,
    /// A directory with room for the index.
    pub scratch: &'a Path,
    /// Bodies to read.
    pub records: u32,
    /// How old the newest state of a backup that is kept may be.
    pub age_max: Duration,
}

/// Restores the state that is wanted into the directory `scratch`, has the root open every tenant key that is in it, and reads
/// `records` bodies that are drawn at random and compares them with the restored rows. Opens no body: that each belongs to
/// its row is said by the checksum over the sealed bytes.
///
/// # Errors
/// [`BackupError`] when nothing can be restored.
pub async fn drill(shelf: &Shelf, root: &Root, blobs: &BlobStore, trial: Trial<'_>) -> Result<Drilled, BackupError> {
    let settings = IndexSettings::Sqlite(SqliteSettings { path: trial.scratch.join("drill.sqlite"), readers: 1 });
    let target = Target { settings: &settings, clock: &SystemClock, origin: Origin::Looked };
    let Filled { plan, passed_over, millis } = fill(shelf, trial.choice, target).await?;
    let index = engine::open(&settings, Arc::new(SystemClock)).await?;
    let mut drilled = Drilled {
        drill: "bad",
        backup: plan.snapshot.chain.to_string(),
        moment: plan.moment().to_string(),
        segments: plan.journal.len(),
        fill_millis: millis,
        versions: index.count_versions().await?,
        tenants: 0,
        keys_opened: 0,
        keys_not_opened: Vec::new(),
        frames: 0,
        read: 0,
        read_good: 0,
        findings: Vec::new(),
    };
    let of_backup = passed_over.iter().map(|piece| format!("{piece} cannot be read, and was passed over"));
    drilled.findings.extend(of_backup);
    if trial.choice.until.is_none() {
        drilled.findings.extend(is_old(&plan, trial.age_max));
    }
    drilled.findings.extend(is_of(index.as_ref(), blobs).await?);
    open_keys(index.as_ref(), root, &mut drilled).await?;
    let drawn = draw(index.as_ref(), usize::try_from(trial.records).unwrap_or(usize::MAX), &mut drilled.frames).await?;
    for frame in &drawn {
        drilled.read += 1;
        match read(blobs, frame).await {
            Ok(()) => drilled.read_good += 1,
            Err(finding) => drilled.findings.push(finding),
        }
    }
    if drilled.keys_not_opened.is_empty() && drilled.findings.is_empty() {
        drilled.drill = "good";
    }
    Ok(drilled)
}

/// Whether the backup ended some time ago: it is not kept any more, or its end was cut off.
pub fn is_old(plan: &Plan, age_max: Duration) -> Option<String> {
    let (moment, now) = (plan.moment(), SystemClock.now());
    (moment.plus(age_max) < now).then(|| format!("the backup ends at {moment}, and it is {now}: it is not kept, or its end is missing"))
}

/// Whether the index is of another store than the bodies', or older than what the store has seen.
async fn is_of(index: &dyn Engine, blobs: &BlobStore) -> Result<Option<String>, EngineError> {
    let marker = match blobs.marker().await {
        Ok(marker) => marker,
        Err(error) => return Ok(Some(format!("the store's marker cannot be read: {}", causes(&error)))),
    };
    Ok(match (index.store().await?, marker) {
        (Some(row), Some(marker)) if row.id != marker.store => {
            Some(format!("the backup is of store {}, and the bodies are in store {}", row.id, marker.store))
        }
        // The generation grows shortly before the marker, and the backup follows shortly after.
        (Some(row), Some(marker)) if row.generation != 0 && row.generation + 1 < marker.generation => Some(format!(
            "the backup is of generation {}, and the store has seen {}: its end is missing",
            row.generation, marker.generation
        )),
        _ => None,
    })
}

/// Every key version that is not destroyed, of every tenant. What is unwrapped is wiped at once.
async fn open_keys(index: &dyn Engine, root: &Root, drilled: &mut Drilled) -> Result<(), EngineError> {
    for tenant in index.tenants().await? {
        drilled.tenants += 1;
        for purpose in KekPurpose::ALL {
            let keys = index.keks(tenant.id, purpose).await?;
            for KekRow { version, wrapped, .. } in keys.into_iter().filter(|key| key.state != KekState::Destroyed) {
                match root.unwrap(tenant.id, &Context::kek(tenant.id, purpose, version), &wrapped).await {
                    Ok(_wiped) => drilled.keys_opened += 1,
                    Err(error) => {
                        let (tenant, purpose) = (tenant.id, purpose.name());
                        drilled.keys_not_opened.push(format!("{tenant} {purpose} {version}: {}", causes(&error)));
                    }
                }
            }
        }
    }
    Ok(())
}

/// `wanted` frames, each as likely as any other.
async fn draw(index: &dyn Engine, wanted: usize, all: &mut u64) -> Result<Vec<FrameRow>, BackupError> {
    let (mut drawn, mut after) = (Vec::new(), None);
    loop {
        let frames = index.frames(after, BATCH).await?;
        let Some(last) = frames.last() else { return Ok(drawn) };
        after = Some(last.key());
        for frame in frames {
            *all += 1;
            if drawn.len() < wanted {
                drawn.push(frame);
                continue;
            }
            // Each new one takes the place of an older one with the chance that keeps all alike.
            let place = usize::try_from(random_below(*all)?).unwrap_or(usize::MAX);
            if let Some(slot) = drawn.get_mut(place) {
                *slot = frame;
            }
        }
    }
}

fn random_below(end: u64) -> Result<u64, BackupError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(crate::seal::SealError::from)?;
    // The bias of one in some billions does not matter to a sample.
    Ok(u64::from_le_bytes(bytes) % end.max(1))
}

async fn read(blobs: &BlobStore, frame: &FrameRow) -> Result<(), String> {
    let named = || frame.version.map_or_else(|| "an open upload".to_owned(), |version| format!("version {version}"));
    match blobs.checksum(&frame.location).await {
        Ok(crc) if crc == frame.stored_crc => Ok(()),
        Ok(_) => Err(format!("{}: blob {} is not as it was stored", named(), frame.location.blob)),
        Err(error @ (BlobError::Missing { .. } | BlobError::Truncated { .. })) => Err(format!("{}: {}", named(), causes(&error))),
        Err(error) => Err(format!("{}: cannot be read now: {}", named(), causes(&error))),
    }
}
