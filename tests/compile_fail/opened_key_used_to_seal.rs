// error[E0308]: mismatched types
// expected `FreshPartKey`, found `OpenedDataKey`
use hozon::seal::{Aead, OpenedDataKey, Sealer};

pub fn seal(key: OpenedDataKey) {
    let _sealer = Sealer::new(key, Aead::AesGcm);
}
