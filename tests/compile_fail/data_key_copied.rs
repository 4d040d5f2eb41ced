// error[E0599]: no method named `clone` found for struct `FreshDataKey` in the current scope
use hozon::seal::FreshDataKey;

pub fn two(key: FreshDataKey) -> (FreshDataKey, FreshDataKey) {
    (key.clone(), key)
}
