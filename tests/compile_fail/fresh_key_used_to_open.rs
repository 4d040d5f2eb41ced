// error[E0308]: mismatched types
// expected `&OpenedDataKey`, found `&FreshDataKey`
use hozon::domain::AttemptId;
use hozon::seal::{Aead, FreshDataKey, Opener, SealedChunks};

pub fn open(key: &FreshDataKey, attempt: AttemptId, start: &SealedChunks<'_>) {
    let _opener = Opener::new(key, attempt, start, 72, Aead::AesGcm);
}
