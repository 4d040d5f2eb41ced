use super::SealedSegment;
use super::aead::TAG_BYTES;
use super::layout::{CHUNK_BYTES, SEALED_CHUNK_BYTES, START_BYTES};
use super::segment::Filled;
use super::shelf::{Shelf, wipe};
use crate::domain::{AttemptId, limits};
use bytes::Bytes;
use std::mem;
use std::sync::Arc;

/// The first segment has the frame's start before its chunks; every buffer has room for it.
const SEGMENT_BYTES: usize = START_BYTES + limits::SEGMENT_CHUNKS * SEALED_CHUNK_BYTES;
/// Room beyond the first bytes of a small body: for its tags, a small manifest and the footer.
const SMALL_TAIL_BYTES: usize = 2_048;
/// Segments that are usually on their way to the store at the same time.
const IDLE_SEGMENTS_MAX: usize = 4;

/// The frame on its way out: the segment under way and the finished ones.
pub(super) struct Outgoing {
    attempt: AttemptId,
    // INVARIANT: `buffer[..sealed]` may be stored; the `pending` bytes after it are plaintext of the
    // chunk under way, and wiped before the buffer leaves; `buffer[0]` is byte `offset` of the frame.
    buffer: Vec<u8>,
    sealed: usize,
    pending: usize,
    offset: u64,
    ready: Vec<SealedSegment>,
    shelf: Arc<Shelf>,
}

impl Outgoing {
    pub(super) fn new(attempt: AttemptId, start: Vec<u8>) -> Self {
        let shelf = Arc::new(Shelf::new(IDLE_SEGMENTS_MAX, SEGMENT_BYTES));
        Self { attempt, sealed: start.len(), buffer: start, pending: 0, offset: 0, ready: Vec::new(), shelf }
    }

    /// Plaintext bytes of the chunk under way.
    pub(super) const fn pending(&self) -> usize {
        self.pending
    }

    /// Where the chunk under way is sealed: `plain` bytes and a tag, of which the pending ones stand in
    /// place. `more` bytes of the body are known to follow.
    pub(super) fn chunk(&mut self, plain: usize, more: usize) -> &mut [u8] {
        self.reserve(plain + TAG_BYTES, more);
        self.buffer.split_at_mut(self.sealed).1.split_at_mut(plain + TAG_BYTES).0
    }

    /// Adds plaintext to the chunk under way.
    pub(super) fn hold(&mut self, plain: &[u8]) {
        let held = self.pending;
        let (_held, slot) = self.chunk(held + plain.len(), 0).split_at_mut(held);
        slot.split_at_mut(plain.len()).0.copy_from_slice(plain);
        self.pending = held + plain.len();
    }

    /// Says that the chunk under way is sealed and has `plain` bytes.
    pub(super) fn chunk_sealed(&mut self, plain: usize) {
        self.sealed += plain + TAG_BYTES;
        self.pending = 0;
        if self.sealed + SEALED_CHUNK_BYTES > SEGMENT_BYTES {
            self.flush();
        }
    }

    /// Adds the frame's end: a sealed manifest and the footer.
    pub(super) fn end(&mut self, tail: Vec<u8>) {
        if self.sealed + tail.len() <= SEGMENT_BYTES {
            self.reserve(tail.len(), 0);
            self.buffer.split_at_mut(self.sealed).1.split_at_mut(tail.len()).0.copy_from_slice(&tail);
            self.sealed += tail.len();
            self.flush();
        } else {
            self.flush();
            self.sealed = tail.len();
            self.buffer = tail;
            self.flush();
        }
    }

    /// The oldest finished segment.
    pub(super) fn take(&mut self) -> Option<SealedSegment> {
        if self.ready.is_empty() { None } else { Some(self.ready.remove(0)) }
    }

    /// All finished segments.
    pub(super) fn take_all(&mut self) -> Vec<SealedSegment> {
        mem::take(&mut self.ready)
    }

    fn reserve(&mut self, length: usize, more: usize) {
        let needed = self.sealed + length;
        if self.buffer.len() >= needed {
            return;
        }
        // A body that has filled one segment is a long one. A shorter one takes what it says it needs.
        let wanted = if self.offset > 0 { SEGMENT_BYTES } else { (needed + more + SMALL_TAIL_BYTES).max(2 * self.buffer.len()) };
        let mut larger = if wanted < SEGMENT_BYTES { vec![0; wanted] } else { self.shelf.take() };
        let held = self.sealed + self.pending;
        larger.split_at_mut(held).0.copy_from_slice(self.buffer.split_at(held).0);
        self.wipe_pending();
        self.shelf.put(mem::replace(&mut self.buffer, larger));
    }

    fn flush(&mut self) {
        if self.sealed == 0 {
            return;
        }
        let filled = Filled { buffer: mem::take(&mut self.buffer), length: self.sealed, home: Arc::clone(&self.shelf) };
        self.ready.push(SealedSegment { attempt: self.attempt, offset: self.offset, bytes: Bytes::from_owner(filled) });
        self.offset += self.sealed as u64;
        self.sealed = 0;
    }

    fn wipe_pending(&mut self) {
        if let Some(pending) = self.buffer.get_mut(self.sealed..self.sealed + self.pending) {
            wipe(pending);
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.wipe_pending();
    }
}

const _: () = assert!(CHUNK_BYTES + TAG_BYTES == SEALED_CHUNK_BYTES);
