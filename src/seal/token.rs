use super::key::{mac, random_key};
use super::{Context, OpenError, SealError, UseKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A whole object key; the scope is the bucket.
    Key,
    /// A directory's full path; the scope is the bucket.
    Directory,
    /// A patient id; the scope is the tenant.
    Patient,
    /// Somebody whom an identity provider knows; the scope is the tenant.
    Person,
    /// The name of something laid down about access; the scope is the tenant.
    Directive,
}

impl TokenKind {
    // FORMAT: the first field of the token's MAC input.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Key => b"key",
            Self::Directory => b"directory",
            Self::Patient => b"patient",
            Self::Person => b"person",
            Self::Directive => b"directive",
        }
    }
}

/// The secret that makes a tenant's equality tokens. Wiped when dropped.
pub struct TokenSecret {
    bytes: Zeroizing<[u8; 32]>,
    key: hmac::Key,
}

impl TokenSecret {
    /// A new random secret.
    ///
    /// # Errors
    /// [`SealError::Random`] when the operating system gives no random bytes.
    pub fn generate() -> Result<Self, SealError> {
        random_key().map(Self::from_bytes)
    }

    /// The secret with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice());
        Self { bytes, key }
    }

    /// The secret that `wrapped` holds: the reverse of [`TokenSecret::wrap`].
    ///
    /// # Errors
    /// [`OpenError`] when it was wrapped under another key, for another place, or altered.
    pub fn unwrap(wrapping: &UseKey, context: &Context, wrapped: &[u8]) -> Result<Self, OpenError> {
        wrapping.open_key(context, wrapped).map(Self::from_bytes)
    }

    /// The secret, wrapped under `wrapping`.
    ///
    /// # Errors
    /// [`SealError`] when randomness or the cipher fails.
    pub fn wrap(&self, wrapping: &UseKey, context: &Context) -> Result<Vec<u8>, SealError> {
        wrapping.seal(context, self.bytes.as_slice())
    }

    /// The token of `value`: equal for equal kind, scope and value, and otherwise telling nothing.
    #[must_use]
    pub fn token(&self, kind: TokenKind, scope: &[u8; 16], value: &[u8]) -> [u8; 32] {
        mac(&self.key, &[kind.label(), scope, value])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_equal_exactly_for_equal_things_under_one_secret() {
        let secret = TokenSecret::from_bytes(Zeroizing::new([1; 32]));
        let token = secret.token(TokenKind::Key, &[2; 16], b"a/b");
        assert_eq!(token, secret.token(TokenKind::Key, &[2; 16], b"a/b"));
        assert_ne!(token, secret.token(TokenKind::Directory, &[2; 16], b"a/b"));
        assert_ne!(token, secret.token(TokenKind::Key, &[3; 16], b"a/b"));
        assert_ne!(token, secret.token(TokenKind::Key, &[2; 16], b"a/c"));
        assert_ne!(token, TokenSecret::from_bytes(Zeroizing::new([2; 32])).token(TokenKind::Key, &[2; 16], b"a/b"));
    }
}
