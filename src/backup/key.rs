use super::BackupError;
use crate::domain::ChainId;
use crate::root::Root;
use crate::seal::{Context, KeyUse, MasterKey, UseKey};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Keys that are remembered.
const KNOWN_MAX: usize = 64;

/// The keys of a backup, each unwrapped by the root once. A snapshot brings a new one; every piece has its own in its
/// beginning, wrapped.
#[derive(Clone)]
pub struct BackupKeys {
    root: Arc<Root>,
    known: Arc<Mutex<Known>>,
}

type Known = HashMap<(ChainId, [u8; 16]), Arc<UseKey>>;

/// A key with what a piece's beginning says of it.
#[derive(Clone)]
pub(super) struct BackupKey {
    pub(super) id: [u8; 16],
    pub(super) wrapped: Vec<u8>,
    pub(super) key: Arc<UseKey>,
}

impl BackupKeys {
    /// Keys that `root` wraps.
    #[must_use]
    pub fn new(root: Arc<Root>) -> Self {
        Self { root, known: Arc::default() }
    }

    /// A new key for pieces of `chain`.
    pub(super) async fn generate(&self, chain: ChainId) -> Result<BackupKey, BackupError> {
        let (id, key) = (*ChainId::random().as_bytes(), MasterKey::generate()?);
        let wrapped = self.root.wrap_backup_key(&Context::backup_key(chain, &id), &key).await?;
        Ok(BackupKey { id, wrapped, key: Arc::new(key.derive(KeyUse::Backup)) })
    }

    /// The key that a piece's beginning holds.
    pub(super) async fn unwrap(&self, chain: ChainId, id: [u8; 16], wrapped: &[u8]) -> Result<Arc<UseKey>, BackupError> {
        if let Some(key) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&(chain, id)) {
            return Ok(Arc::clone(key));
        }
        let master = self.root.unwrap_backup_key(&Context::backup_key(chain, &id), wrapped).await?;
        let key = Arc::new(master.derive(KeyUse::Backup));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert((chain, id), Arc::clone(&key));
        Ok(key)
    }
}

impl fmt::Debug for BackupKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupKeys(…)")
    }
}

impl fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupKey(…)")
    }
}
