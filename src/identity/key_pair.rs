use crate::seal::SealError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// What the access keys of credentials in the index begin with.
pub(super) const STORED: &str = "HZ";
/// What those of sessions begin with, and none in the index does: behind `HZ` they have letters and 2 to 7.
pub(super) const SESSION: &str = "HZ1";

/// Characters of an access key, as S3 tools expect it.
const LENGTH: usize = 20;

/// A new pair in the shape that S3 tools expect: 20 characters that begin with `prefix`, and 40 characters.
pub(super) fn generate(prefix: &str) -> Result<(String, Zeroizing<String>), SealError> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut random = Zeroizing::new([0u8; LENGTH + 30]);
    getrandom::fill(random.as_mut()).map_err(SealError::Random)?;
    let (public, secret) = random.split_at(LENGTH);
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map_or('A', char::from);
    let id = prefix.chars().chain(public.iter().map(letter)).take(LENGTH).collect();
    Ok((id, Zeroizing::new(STANDARD.encode(secret))))
}
