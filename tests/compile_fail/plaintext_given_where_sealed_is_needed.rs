// error[E0308]: mismatched types
// expected `SealedSegment`, found `Plaintext`
use hozon::seal::{Plaintext, SealedSegment};

pub fn store(plain: Plaintext) -> usize {
    SealedSegment::into_bytes(plain).len()
}
