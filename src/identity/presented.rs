/// Credentials as they arrived, with a signature that was checked against the secret which
/// [`super::Authenticator::secret`] gave. Says nothing yet about whether they may be used.
///
/// Made only where signatures are checked: `s3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    access_key: String,
}

impl Presented {
    /// The access key whose signature on the request was right.
    #[must_use]
    pub fn signed_with(access_key: &str) -> Self {
        Self { access_key: access_key.to_owned() }
    }

    pub(super) fn access_key(&self) -> &str {
        &self.access_key
    }
}
