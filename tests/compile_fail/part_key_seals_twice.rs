// error[E0382]: use of moved value: `key`
use hozon::seal::{Aead, FreshPartKey, Sealer};

pub fn twice(key: FreshPartKey) {
    let _one = Sealer::new(key, Aead::AesGcm);
    let _other = Sealer::new(key, Aead::AesGcm);
}
