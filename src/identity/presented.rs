use aws_lc_rs::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

/// What a token is known by: its SHA-256. Compared in constant time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut made = [0; 32];
        made.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(made)
    }

    pub(super) fn is(self, other: Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Credentials as they arrived, with a signature that was checked against the secret which
/// [`super::Authenticator::secret`] gave. Says nothing yet about whether they may be used.
///
/// Made only where signatures are checked: `s3`.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    access_key: String,
    token: Option<TokenHash>,
}

impl Presented {
    /// The access key whose signature on the request was right.
    #[must_use]
    pub fn signed_with(access_key: &str) -> Self {
        Self { access_key: access_key.to_owned(), token: None }
    }

    /// The same, with the session token that came with the request.
    #[must_use]
    pub fn with_token(self, token: Option<TokenHash>) -> Self {
        Self { token, ..self }
    }

    pub(super) const fn token(&self) -> Option<TokenHash> {
        self.token
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
