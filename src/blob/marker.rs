//! The marker of a store: which index its bodies belong to, and how far that index had come.

use super::backend::Backend;
use crate::domain::StoreId;
use object_store::{Error, ObjectStoreExt, PutPayload};
use std::fmt;

/// The object's name. It is no blob's, so that no listing of blobs shows it.
const NAME: &str = "hozon-store";
/// FORMAT: the first line of the marker.
const FORM: &str = "hozon-store-v1";
/// A marker has fewer bytes than this.
const BYTES_MAX: u64 = 256;

/// What a store says about itself. Neither is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreMarker {
    /// The store's id, which its index repeats.
    pub store: StoreId,
    /// The index's generation when this was written: an index with a smaller one is an older copy.
    pub generation: u64,
}

/// The marker of a store cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarkerError {
    /// The store failed.
    #[error("the store's marker cannot be read or written")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is something else in its place.
    #[error("the store's marker `{NAME}` is not as hozon writes it")]
    Form,
}

impl StoreMarker {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (form, store, generation) = (lines.next()?, StoreId::parse(lines.next()?).ok()?, lines.next()?.parse().ok()?);
        let marker = Self { store, generation };
        // Only the one way in which we write it.
        (form == FORM && marker.to_string() == text).then_some(marker)
    }
}

impl fmt::Display for StoreMarker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORM}\n{}\n{}\n", self.store, self.generation)
    }
}

pub(super) async fn read(backend: &Backend) -> Result<Option<StoreMarker>, MarkerError> {
    let found = match backend.objects.get(&backend.below(NAME)).await {
        Ok(found) => found,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    if found.meta.size > BYTES_MAX {
        return Err(MarkerError::Form);
    }
    let bytes = found.bytes().await.map_err(failed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| MarkerError::Form)?;
    StoreMarker::parse(text).map(Some).ok_or(MarkerError::Form)
}

pub(super) async fn write(backend: &Backend, marker: StoreMarker) -> Result<(), MarkerError> {
    let payload = PutPayload::from(marker.to_string().into_bytes());
    backend.objects.put(&backend.below(NAME), payload).await.map(drop).map_err(failed)
}

fn failed(source: Error) -> MarkerError {
    MarkerError::Store(Box::new(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_back_and_anything_else_is_refused() {
        let marker = StoreMarker { store: StoreId::from_bytes([0xab; 16]), generation: 1_234 };
        let text = marker.to_string();
        assert_eq!(text, format!("hozon-store-v1\n{}\n1234\n", "ab".repeat(16)));
        assert_eq!(StoreMarker::parse(&text), Some(marker));
        for wrong in ["", "hozon-store-v1\n", &text.replace("v1", "v2"), &text.replace("1234", "01234"), text.trim(), &format!("{text}\n")]
        {
            assert_eq!(StoreMarker::parse(wrong), None, "{wrong:?}");
        }
    }
}
