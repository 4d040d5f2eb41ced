// error[E0308]: mismatched types
// expected `Plaintext`, found `SealedSegment`
use hozon::seal::{Plaintext, SealedSegment};

pub fn answer(segment: SealedSegment) -> usize {
    Plaintext::release(segment).len()
}
