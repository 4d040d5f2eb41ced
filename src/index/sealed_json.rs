//! Small facts at rest: JSON, sealed under the tenant's index key.

use super::IndexError;
use crate::seal::{Context, UseKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// The sealed form of `value`, which opens only with `key` and `context`.
pub(super) fn seal<T: Serialize + ?Sized>(key: &UseKey, context: &Context, value: &T) -> Result<Vec<u8>, IndexError> {
    let text = Zeroizing::new(serde_json::to_vec(value).map_err(IndexError::Form)?);
    Ok(key.seal(context, &text)?)
}

/// What [`seal`] sealed; `None` where key, context or bytes are not those. The caller knows the table, and
/// no caller may learn which check failed.
pub(super) fn open<T: DeserializeOwned>(key: &UseKey, context: &Context, sealed: &[u8]) -> Option<T> {
    let text = key.open(context, sealed).ok()?;
    serde_json::from_slice(&text).ok()
}
