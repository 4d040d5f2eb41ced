/// The length of a field as it stands before the field in contexts and MAC inputs.
///
/// FORMAT: big-endian, 64 bits, so that every length fits and no two lists of fields share an encoding.
pub(super) const fn length_of(field: &[u8]) -> [u8; 8] {
    // usize has at most 64 bits on every target that Rust knows.
    (field.len() as u64).to_be_bytes()
}
