use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit, Tag};
use aws_lc_rs::aead as aws;
use std::fmt;

/// Bytes of a nonce.
pub(super) const NONCE_BYTES: usize = 12;
/// Bytes that sealing adds.
pub(super) const TAG_BYTES: usize = 16;

/// Which library runs AES-256-GCM. Both give the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Aead {
    /// The `aes-gcm` crate.
    #[default]
    AesGcm,
    /// AWS-LC.
    AwsLc,
}

/// The two AEAD libraries do not agree: neither may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what `{}` sealed, `{}` does not open", sealed_by.name(), opened_by.name())]
pub struct SelfTestFailed {
    /// Which one sealed.
    pub sealed_by: Aead,
    /// Which one opened.
    pub opened_by: Aead,
}

impl Aead {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::AesGcm, Self::AwsLc];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesGcm => "aes-gcm",
            Self::AwsLc => "aws-lc-rs",
        }
    }

    /// The one with this name in the configuration.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aead| aead.name() == text)
    }

    /// Whether the CPU has instructions for it. Without them `aes-gcm` is some thirty times slower, which an
    /// operator wants to hear at start.
    #[must_use]
    pub fn is_accelerated() -> bool {
        aes_gcm::aes::hardware_accelerated()
    }

    /// Gives `choice` back once each library has opened what the other sealed.
    ///
    /// # Errors
    /// [`SelfTestFailed`] when they differ in a byte: a broken CPU feature detection or build.
    pub fn checked(choice: Self) -> Result<Self, SelfTestFailed> {
        for (sealed_by, opened_by) in [(Self::AesGcm, Self::AwsLc), (Self::AwsLc, Self::AesGcm)] {
            if !agree(sealed_by, opened_by).unwrap_or(false) {
                return Err(SelfTestFailed { sealed_by, opened_by });
            }
        }
        Ok(choice)
    }
}

/// Long enough to go through the widest vector loop of either library and its scalar tail.
fn agree(sealed_by: Aead, opened_by: Aead) -> Result<bool, Refused> {
    let (key, nonce, aad) = ([0x5a; 32], [0xc3; NONCE_BYTES], b"self test");
    let plain: Vec<u8> = (0..=250u8).cycle().take(4 * 1_024 + 5).collect();
    let mut sealed = vec![0; plain.len() + TAG_BYTES];
    AeadKey::new(sealed_by, &key)?.seal(&nonce, aad, &plain, &mut sealed)?;
    let mut opened = vec![0; plain.len()];
    AeadKey::new(opened_by, &key)?.open(&nonce, aad, &sealed, &mut opened)?;
    Ok(opened == plain)
}

/// The library refused: a tag that does not fit, or buffers that do not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused;

/// An AES-256-GCM key, scheduled for one library. Out-of-place, so that bytes move once.
pub(super) enum AeadKey {
    AesGcm(Box<Aes256Gcm>),
    AwsLc(Box<aws::LessSafeKey>),
}

impl AeadKey {
    pub(super) fn new(aead: Aead, key: &[u8; 32]) -> Result<Self, Refused> {
        Ok(match aead {
            Aead::AesGcm => Self::aes_gcm(key),
            Aead::AwsLc => {
                let key = aws::UnboundKey::new(&aws::AES_256_GCM, key).map_err(|_| Refused)?;
                Self::AwsLc(Box::new(aws::LessSafeKey::new(key)))
            }
        })
    }

    pub(super) fn aes_gcm(key: &[u8; 32]) -> Self {
        Self::AesGcm(Box::new(Aes256Gcm::new(key.into())))
    }

    /// Seals `plain` into `out`, which is [`TAG_BYTES`] longer.
    pub(super) fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], plain: &[u8], out: &mut [u8]) -> Result<(), Refused> {
        let (body, tag_out) = out.split_last_chunk_mut::<TAG_BYTES>().ok_or(Refused)?;
        match self {
            Self::AesGcm(key) => {
                let buffer = InOutBuf::new(plain, body).map_err(|_| Refused)?;
                *tag_out = key.encrypt_inout_detached(nonce.into(), aad, buffer).map_err(|_| Refused)?.into();
            }
            Self::AwsLc(key) => {
                let nonce = aws::Nonce::assume_unique_for_key(*nonce);
                key.seal_out_of_place_scatter(nonce, aws::Aad::from(aad), plain, body, &[], tag_out).map_err(|_| Refused)?;
            }
        }
        Ok(())
    }

    /// Seals all of `buffer` but its last [`TAG_BYTES`], which take the tag.
    pub(super) fn seal_in_place(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buffer: &mut [u8]) -> Result<(), Refused> {
        let (body, tag_out) = buffer.split_last_chunk_mut::<TAG_BYTES>().ok_or(Refused)?;
        match self {
            Self::AesGcm(key) => {
                *tag_out = key.encrypt_inout_detached(nonce.into(), aad, body.into()).map_err(|_| Refused)?.into();
            }
            Self::AwsLc(key) => {
                let nonce = aws::Nonce::assume_unique_for_key(*nonce);
                let tag = key.seal_in_place_separate_tag(nonce, aws::Aad::from(aad), body).map_err(|_| Refused)?;
                *tag_out = tag.as_ref().try_into().map_err(|_| Refused)?;
            }
        }
        Ok(())
    }

    /// Opens `sealed` into `out`, which is [`TAG_BYTES`] shorter. After a refusal `out` may hold bytes
    /// that nobody vouches for: the caller wipes them.
    pub(super) fn open(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], sealed: &[u8], out: &mut [u8]) -> Result<(), Refused> {
        let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Refused)?;
        match self {
            Self::AesGcm(key) => {
                let buffer = InOutBuf::new(body, out).map_err(|_| Refused)?;
                key.decrypt_inout_detached(nonce.into(), aad, buffer, <&Tag>::from(tag)).map_err(|_| Refused)
            }
            Self::AwsLc(key) => {
                let nonce = aws::Nonce::assume_unique_for_key(*nonce);
                key.open_separate_gather(nonce, aws::Aad::from(aad), body, tag, out).map_err(|_| Refused)
            }
        }
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_library_opens_what_the_other_sealed() {
        for choice in Aead::ALL {
            assert_eq!(Aead::checked(choice), Ok(choice));
            assert_eq!(Aead::parse(choice.name()), Some(choice));
        }
        assert_eq!(Aead::parse("rot13"), None);
    }

    #[test]
    fn sealing_in_place_and_out_of_place_give_the_same_bytes_in_both_libraries() {
        for length in [0, 1, 15, 16, 17, 4_095, 16_384] {
            let plain: Vec<u8> = (0..=255u8).cycle().take(length).collect();
            let mut all = Vec::new();
            for aead in Aead::ALL {
                let key = AeadKey::new(aead, &[7; 32]).unwrap();
                let mut apart = vec![0; length + TAG_BYTES];
                key.seal(&[9; 12], b"", &plain, &mut apart).unwrap();
                let mut inside = plain.clone();
                inside.extend_from_slice(&[0; TAG_BYTES]);
                key.seal_in_place(&[9; 12], b"", &mut inside).unwrap();
                all.extend([apart, inside]);
            }
            assert!(all.iter().all(|sealed| sealed == &all[0]), "{length}");
        }
    }
}
