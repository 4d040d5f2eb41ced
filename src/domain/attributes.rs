use super::{Checksums, RecordFacts, limits};
use serde::{Deserialize, Serialize};

/// HTTP headers that a client sets on a record and gets back. All of them rest sealed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentHeaders {
    /// `Content-Type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Content-Disposition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// `Cache-Control`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Expires`, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// Hides what may tell of a patient.
impl std::fmt::Debug for ContentHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentHeaders")
    }
}

/// What rests sealed beside a version's bytes and never changes with it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// The record's whole key.
    pub key: String,
    /// HTTP headers to give back.
    #[serde(default)]
    pub headers: ContentHeaders,
    /// `x-amz-meta-*` without the prefix, in decoded NFC text, in the order given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
    /// Patient, class and the other medical facts.
    #[serde(default)]
    pub facts: RecordFacts,
    /// The checksum kept for clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksums>,
}

/// Hides what may tell of a patient.
impl std::fmt::Debug for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Attributes")
    }
}

/// User metadata that S3 does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("names and values of user metadata have {bytes} bytes, at most {} are allowed", limits::USER_METADATA_BYTES_MAX)]
pub struct InvalidMetadata {
    /// How many there were.
    pub bytes: usize,
}

impl Attributes {
    /// Checks the bound on user metadata.
    ///
    /// # Errors
    /// [`InvalidMetadata`] over 2,048 bytes of names and values.
    pub fn check(&self) -> Result<(), InvalidMetadata> {
        let bytes = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > limits::USER_METADATA_BYTES_MAX { Err(InvalidMetadata { bytes }) } else { Ok(()) }
    }
}
