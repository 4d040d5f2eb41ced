// error[E0308]: mismatched types
// found `&ReadSubject`
use hozon::keys::Keyring;
use hozon::policy::ReadSubject;

pub async fn open(keys: Keyring, subject: ReadSubject) {
    let _key = keys.open(&subject).await;
}
