/// Credentials as they arrived, with a signature that was checked against the secret which
/// [`super::Authenticator::secret`] gave. Says nothing yet about whether they may be used.
///
/// Made only where signatures are checked: `s3`.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    access_key: String,
    token: Option<String>,
}

impl Presented {
    /// The access key whose signature on the request was right.
    #[must_use]
    pub fn signed_with(access_key: &str) -> Self {
        Self { access_key: access_key.to_owned(), token: None }
    }

    /// The same, with the session token that came with the request.
    #[must_use]
    pub fn with_token(self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self }
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub(super) fn access_key(&self) -> &str {
        &self.access_key
    }
}

/// Shows no token.
impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Presented({})", self.access_key)
    }
}
