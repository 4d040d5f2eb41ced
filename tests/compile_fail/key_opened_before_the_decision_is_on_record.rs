// error[E0308]: mismatched types
// expected `&Admitted<Read>`
use hozon::keys::Keyring;
use hozon::policy::{Permitted, Read};

pub async fn open(keys: Keyring, permitted: Permitted<Read>) {
    let _key = keys.open(&permitted).await;
}
