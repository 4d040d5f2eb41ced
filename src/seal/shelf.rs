use std::sync::{Mutex, PoisonError};

/// Initialised buffers of one size that wait to be used again, so that bulk work neither allocates
/// nor clears memory. Keeps at most `idle_max`; more are freed.
pub(super) struct Shelf {
    idle: Mutex<Vec<Vec<u8>>>,
    idle_max: usize,
    buffer_bytes: usize,
}

impl Shelf {
    pub(super) const fn new(idle_max: usize, buffer_bytes: usize) -> Self {
        Self { idle: Mutex::new(Vec::new()), idle_max, buffer_bytes }
    }

    /// A buffer of the shelf's size, with whatever was left in it.
    pub(super) fn take(&self) -> Vec<u8> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| vec![0; self.buffer_bytes])
    }

    /// Puts a buffer back; one of another size is freed.
    pub(super) fn put(&self, buffer: Vec<u8>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.len() == self.buffer_bytes && idle.len() < self.idle_max {
            idle.push(buffer);
        }
    }
}

/// Overwrites `bytes` with zeros, also where nobody will read them again.
///
/// As fast as `zeroize` in a release build (`benches/seal.rs`). `black_box` keeps the compiler from leaving the
/// write out.
pub(super) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}
