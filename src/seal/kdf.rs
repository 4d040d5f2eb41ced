use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// `N` bytes by HKDF-Expand with SHA-512 (RFC 5869 §2.3) under `key`, for the concatenation of `info`.
///
/// Written over HMAC because the library's own expand can fail by its type, and deriving must not.
pub(super) fn expand<const N: usize>(key: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 64, "HKDF-Expand ends at 255 blocks") };
    let key = hmac::Key::new(hmac::HMAC_SHA512, key);
    let mut out = Zeroizing::new([0; N]);
    let mut previous: Option<hmac::Tag> = None;
    for (block, counter) in out.chunks_mut(64).zip(1u8..=255) {
        let mut context = hmac::Context::with_key(&key);
        if let Some(tag) = &previous {
            context.update(tag.as_ref());
        }
        info.iter().for_each(|piece| context.update(piece));
        context.update(&[counter]);
        let tag = context.sign();
        block.iter_mut().zip(tag.as_ref()).for_each(|(slot, byte)| *slot = *byte);
        previous = Some(tag);
    }
    out
}
