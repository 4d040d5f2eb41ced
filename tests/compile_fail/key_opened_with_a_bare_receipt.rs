// error[E0308]: mismatched types
// found `&Receipt`
use hozon::audit::Receipt;
use hozon::keys::Keyring;

pub async fn open(keys: Keyring, receipt: Receipt) {
    let _key = keys.open(&receipt).await;
}
