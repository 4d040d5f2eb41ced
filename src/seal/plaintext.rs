use super::OpenError;
use super::shelf::{Shelf, wipe};
use bytes::Bytes;
use std::fmt;
use std::mem;
use std::sync::Arc;

/// Readable bytes of a record: from a client on their way in, or opened on their way out.
///
/// Neither `Clone` nor `Display`; `Debug` shows the length. Opened bytes are wiped when dropped.
pub struct Plaintext(Held);

enum Held {
    Client(Bytes),
    Opened(PlainBuffer),
}

impl Plaintext {
    /// Bytes that a client sent.
    ///
    /// MINT: only `s3`, `api` and `objects` call this.
    #[must_use]
    pub const fn from_client(bytes: Bytes) -> Self {
        Self(Held::Client(bytes))
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Shows the bytes to a checksum or a comparison, which keeps none of them.
    pub fn show<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(self.as_bytes())
    }

    /// Hands the bytes out to the client's connection. Opened bytes are still wiped, and their buffer
    /// used again, when the last clone is dropped.
    #[must_use]
    pub fn release(self) -> Bytes {
        match self.0 {
            Held::Client(bytes) => bytes,
            Held::Opened(buffer) => Bytes::from_owner(Released(buffer)),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Held::Client(bytes) => bytes,
            Held::Opened(buffer) => buffer.as_bytes(),
        }
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plaintext({} bytes)", self.len())
    }
}

struct Released(PlainBuffer);

impl AsRef<[u8]> for Released {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A bounded supply of buffers for opened bytes. Clones share it.
#[derive(Clone)]
pub struct PlainPool(Arc<Shelf>);

impl PlainPool {
    /// A supply of buffers of `buffer_bytes`, of which at most `idle_max` are kept while unused.
    ///
    /// It does not bound how many are in use: whoever takes one does.
    #[must_use]
    pub fn new(idle_max: usize, buffer_bytes: usize) -> Self {
        Self(Arc::new(Shelf::new(idle_max, buffer_bytes)))
    }

    /// An empty buffer.
    #[must_use]
    pub fn take(&self) -> PlainBuffer {
        PlainBuffer { bytes: self.0.take(), start: 0, end: 0, home: Arc::clone(&self.0) }
    }
}

/// Where an [`super::Opener`] puts what it opens: contiguous, in order. Wiped when dropped.
pub struct PlainBuffer {
    // INVARIANT: `start <= end <= bytes.len()`, and every byte from `end` on is zero or was never plaintext.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    home: Arc<Shelf>,
}

impl PlainBuffer {
    /// How many bytes it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// Keeps only the `take` bytes after the first `skip`.
    ///
    /// # Errors
    /// [`OpenError::Length`] when it does not hold them; it then holds what it held.
    pub fn keep(&mut self, skip: u64, take: u64) -> Result<(), OpenError> {
        let place = |count: u64| usize::try_from(count).ok().and_then(|count| self.start.checked_add(count));
        let missing = OpenError::Length { bytes: self.len() as u64 };
        let (Some(start), Some(end)) = (place(skip), skip.checked_add(take).and_then(place)) else { return Err(missing) };
        if end > self.end {
            return Err(missing);
        }
        if let Some(rest) = self.bytes.get_mut(end..self.end) {
            wipe(rest);
        }
        (self.start, self.end) = (start, end);
        Ok(())
    }

    /// What it holds, to be sealed again or handed out.
    #[must_use]
    pub const fn into_plaintext(self) -> Plaintext {
        Plaintext(Held::Opened(self))
    }

    /// Lets `open` fill `length` more bytes; if it fails they are wiped and nothing is added.
    pub(super) fn append(&mut self, length: usize, open: impl FnOnce(&mut [u8]) -> Result<(), OpenError>) -> Result<(), OpenError> {
        self.reserve(length);
        let slot = self.bytes.split_at_mut(self.end).1.split_at_mut(length).0;
        match open(slot) {
            Ok(()) => self.end += length,
            Err(error) => {
                wipe(slot);
                return Err(error);
            }
        }
        Ok(())
    }

    fn reserve(&mut self, length: usize) {
        if self.bytes.len() - self.end >= length {
            return;
        }
        // Growing in place could leave a copy behind, so the old bytes are wiped before they are freed.
        let mut larger = vec![0; self.end + length];
        larger.split_at_mut(self.end).0.copy_from_slice(self.bytes.split_at(self.end).0);
        wipe(&mut self.bytes);
        self.bytes = larger;
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }
}

impl Drop for PlainBuffer {
    fn drop(&mut self) {
        if let Some(held) = self.bytes.get_mut(..self.end) {
            wipe(held);
        }
        self.home.put(mem::take(&mut self.bytes));
    }
}

impl fmt::Debug for PlainBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainBuffer({} bytes)", self.len())
    }
}

impl fmt::Debug for PlainPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainPool")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(pool: &PlainPool, bytes: &[u8]) -> PlainBuffer {
        let mut buffer = pool.take();
        buffer
            .append(bytes.len(), |slot| {
                slot.copy_from_slice(bytes);
                Ok(())
            })
            .unwrap();
        buffer
    }

    #[test]
    fn a_buffer_goes_back_wiped_when_the_last_clone_of_its_bytes_is_dropped() {
        let pool = PlainPool::new(1, 8);
        let released = filled(&pool, b"patient").into_plaintext().release();
        let clone = released.slice(2..);
        drop(released);
        assert_eq!(&clone[..], b"tient");
        assert!(pool.0.take().iter().all(|byte| *byte == 0), "a new buffer, the other is in use");
        drop(clone);
        assert_eq!(pool.0.take(), vec![0; 8]);
    }

    #[test]
    fn a_buffer_keeps_what_is_asked_for_and_wipes_the_rest() {
        let pool = PlainPool::new(1, 8);
        for (skip, take, kept) in [(0, 7, "patient"), (3, 2, "ie"), (3, 4, "ient"), (7, 0, ""), (0, 0, "")] {
            let mut buffer = filled(&pool, b"patient");
            for (skip, take) in [(0, 8), (8, 0), (7, 1), (u64::MAX, 1), (1, u64::MAX)] {
                assert!(matches!(buffer.keep(skip, take), Err(OpenError::Length { bytes: 7 })));
            }
            buffer.keep(skip, take).unwrap();
            assert_eq!(buffer.as_bytes(), kept.as_bytes());
            assert!(buffer.bytes[buffer.end..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_buffer_grows_and_a_failed_append_leaves_nothing() {
        let pool = PlainPool::new(1, 4);
        let mut buffer = filled(&pool, b"patient");
        let failed = buffer.append(3, |slot| {
            slot.fill(7);
            Err(OpenError::Manifest)
        });
        assert!(failed.is_err());
        assert_eq!(buffer.as_bytes(), b"patient");
        assert!(buffer.bytes[buffer.end..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn debug_of_plaintext_shows_no_byte() {
        let shown = format!("{:?}", Plaintext::from_client(Bytes::from_static(b"patient")));
        assert_eq!(shown, "Plaintext(7 bytes)");
    }
}
