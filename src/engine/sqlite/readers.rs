use super::schema::{self, Purpose};
use crate::engine::EngineError;
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// A few connections that only read. In WAL mode they never wait for the writer.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    connections: Arc<[Mutex<Connection>]>,
    next: Arc<AtomicUsize>,
}

impl Readers {
    pub(super) fn open(path: &Path, count: usize) -> Result<Self, EngineError> {
        let connections: Result<Vec<_>, _> = (0..count.max(1)).map(|_| schema::connect(path, Purpose::Read).map(Mutex::new)).collect();
        Ok(Self { connections: connections?.into(), next: Arc::default() })
    }

    /// Looks something up, on the calling thread: a point read takes less time than a hand-off.
    pub(super) fn look<T>(&self, read: impl FnOnce(&Connection) -> Result<T, EngineError>) -> Result<T, EngineError> {
        let count = self.connections.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for turn in 0..count {
            let Some(connection) = self.connections.get((first + turn) % count) else { break };
            match connection.try_lock() {
                Ok(free) => return read(&free),
                Err(TryLockError::Poisoned(poisoned)) => return read(&poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        match self.connections.get(first % count) {
            Some(connection) => read(&connection.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Err(EngineError::Unavailable),
        }
    }

    /// Looks up what may take long, on a thread for that.
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let readers = self.clone();
        tokio::task::spawn_blocking(move || readers.look(read)).await.map_err(|_| EngineError::Unavailable)?
    }
}
