use super::SecretFileError;
use crate::files::secret_file;
use crate::seal::MasterKey;
use argon2::{Algorithm, Argon2, Params, Version};
use std::path::PathBuf;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Characters that a passphrase has at least.
const CHARS_MIN: usize = 12;
/// What a file may ask for, so that an altered file exhausts neither memory nor time.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 64;
const LANES_MAX: u32 = 16;

/// Where a passphrase comes from. Never from the command line, which every user of the machine can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passphrase {
    /// A file that only its owner may open; a line break at its end does not count.
    File(PathBuf),
    /// An environment variable, by name.
    Environment(String),
}

/// A passphrase cannot be had or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// Its file cannot be read.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The environment variable is not set, or is no text.
    #[error("the environment variable `{name}` holds no passphrase")]
    NotSet {
        /// Which.
        name: String,
    },
    /// It is no text.
    #[error("the passphrase is not UTF-8 text")]
    NotText,
    /// It is too short for a new root.
    #[error("the passphrase has fewer than {CHARS_MIN} characters")]
    TooShort,
    /// The cost is outside of what is sensible.
    #[error("the cost of the passphrase's key is outside of its bounds")]
    Cost,
}

impl Passphrase {
    /// The passphrase for a new root.
    pub(super) fn fetch_new(&self) -> Result<Zeroizing<String>, PassphraseError> {
        let text = self.fetch()?;
        if text.chars().count() < CHARS_MIN { Err(PassphraseError::TooShort) } else { Ok(text) }
    }

    /// The passphrase, normalised (NFC), so that it does not depend on the keyboard's way to compose characters.
    pub(super) fn fetch(&self) -> Result<Zeroizing<String>, PassphraseError> {
        let raw = match self {
            Self::File(path) => secret_file::read(path)?,
            Self::Environment(name) => {
                let value = std::env::var(name).map_err(|_| PassphraseError::NotSet { name: name.clone() })?;
                Zeroizing::new(value.into_bytes())
            }
        };
        let text = std::str::from_utf8(&raw).map_err(|_| PassphraseError::NotText)?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut normal = Zeroizing::new(String::with_capacity(line.len() * 4));
        normal.extend(line.nfc());
        Ok(normal)
    }
}

/// What it costs to try a passphrase: parameters of Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// KiB of memory.
    pub(super) memory_kib: u32,
    /// Passes over it.
    pub(super) passes: u32,
    /// Lanes.
    pub(super) lanes: u32,
}

impl Cost {
    /// The cost of new roots: RFC 9106 §4, second recommended option.
    pub(super) const DEFAULT: Self = Self { memory_kib: 64 * 1_024, passes: 3, lanes: 4 };

    /// The key that `passphrase` and `salt` make.
    ///
    /// # Errors
    /// [`PassphraseError::Cost`] outside of the bounds.
    pub(super) fn key(self, passphrase: &str, salt: &[u8; 16]) -> Result<MasterKey, PassphraseError> {
        if self.memory_kib > MEMORY_KIB_MAX || self.passes > PASSES_MAX || self.lanes > LANES_MAX {
            return Err(PassphraseError::Cost);
        }
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(|_| PassphraseError::Cost)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
            .map_err(|_| PassphraseError::Cost)?;
        Ok(MasterKey::from_bytes(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(contents: &[u8]) -> Result<Zeroizing<String>, PassphraseError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passphrase");
        secret_file::create(&path, contents).unwrap();
        Passphrase::File(path).fetch_new()
    }

    #[test]
    fn a_passphrase_is_its_line_however_its_characters_are_composed() {
        assert_eq!(from_file(b"correct horse battery\n").unwrap().as_str(), "correct horse battery");
        assert_eq!(
            from_file("パスワードは長い文にする".as_bytes()).unwrap(),
            from_file("ハ\u{309a}スワート\u{3099}は長い文にする".as_bytes()).unwrap()
        );
    }

    #[test]
    fn what_is_no_passphrase_is_refused() {
        assert!(matches!(from_file(b"short\n"), Err(PassphraseError::TooShort)));
        assert!(matches!(from_file(&[0xff; 20]), Err(PassphraseError::NotText)));
        let unset = Passphrase::Environment("HOZON_TEST_NOT_SET".to_owned());
        assert!(matches!(unset.fetch(), Err(PassphraseError::NotSet { .. })));
    }

    #[test]
    fn an_absurd_cost_is_refused_before_it_is_paid() {
        let of = |memory_kib, passes, lanes| Cost { memory_kib, passes, lanes }.key("passphrase", &[0; 16]);
        for (memory_kib, passes, lanes) in [(u32::MAX, 1, 1), (64, u32::MAX, 1), (1 << 20, 1, 1 << 20), (0, 1, 1), (64, 0, 1)] {
            assert!(matches!(of(memory_kib, passes, lanes), Err(PassphraseError::Cost)));
        }
    }
}
