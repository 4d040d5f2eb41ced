// error[E0308]: mismatched types
// expected `&Admitted<Read>`
use hozon::keys::Keyring;
use hozon::policy::{Admitted, Write};

pub async fn open(keys: Keyring, admitted: Admitted<Write>) {
    let _key = keys.open(&admitted).await;
}
