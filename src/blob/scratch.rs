use std::sync::{Mutex, PoisonError};

/// Buffers of the read path's usual size that are kept.
const IDLE_MAX: usize = 8;
/// Larger buffers are freed after use.
const KEPT_BYTES_MAX: usize = 512 << 10;

/// Buffers for sealed bytes between read and opening, so that bulk reads neither allocate nor clear memory.
#[derive(Default)]
pub(super) struct Scratch(Mutex<Vec<Vec<u8>>>);

impl Scratch {
    /// Shows `f` a buffer of `length` bytes with whatever was left in it.
    pub(super) fn with<T>(&self, length: usize, f: impl FnOnce(&mut [u8]) -> T) -> T {
        let mut buffer = self.idle().pop().unwrap_or_default();
        if buffer.len() < length {
            // To the usual size at once, or the next longer read would allocate again.
            buffer = vec![0; length.next_multiple_of(64 << 10)];
        }
        let result = f(buffer.get_mut(..length).unwrap_or_default());
        let mut idle = self.idle();
        if buffer.len() <= KEPT_BYTES_MAX && idle.len() < IDLE_MAX {
            idle.push(buffer);
        }
        result
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
