use super::KeeperSettings;
use crate::blob::BlobSettings;

/// Where a backup is, and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// Its store.
    pub store: BlobSettings,
    /// How often it is written.
    pub keeper: KeeperSettings,
}
