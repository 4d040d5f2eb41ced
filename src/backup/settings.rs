use super::KeeperSettings;
use crate::blob::BlobSettings;
use std::time::Duration;

/// Where a backup is, and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// Its store.
    pub store: BlobSettings,
    /// How often it is written.
    pub keeper: KeeperSettings,
}

impl BackupSettings {
    /// How old the newest piece of a backup may be that is kept as it should: where nothing changes, only snapshots come.
    #[must_use]
    pub fn age_max(&self) -> Duration {
        const SLACK: Duration = Duration::from_secs(3_600);
        self.keeper.snapshot_every.saturating_mul(2).saturating_add(SLACK)
    }
}
