//! The patient's id in a DICOM file: element (0010,0020) of the data set (PS3.5, PS3.10).

/// Where the mark of a file ends.
pub(super) const MARK_END: usize = 132;
/// Group and element.
type Tag = (u16, u16);

const PATIENT_ID: Tag = (0x0010, 0x0020);
const TRANSFER_SYNTAX: Tag = (0x0002, 0x0010);
const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);
const UNDEFINED: u32 = u32::MAX;
/// How deep sequences in sequences are passed over.
const DEPTH_MAX: usize = 16;

/// Whether the bytes begin as a file does.
pub(super) fn is_marked(bytes: &[u8]) -> bool {
    bytes.get(128..MARK_END) == Some(b"DICM")
}

/// The patient's id, without the blanks around it, if the file says one where it can be read.
pub(super) fn patient(file: &[u8]) -> Option<String> {
    if !is_marked(file) {
        return None;
    }
    let mut reader = Reader { bytes: file, at: MARK_END, encoding: Encoding::Explicit };
    let mut syntax = String::new();
    // The group of the file's own facts is always explicit and little-endian.
    while reader.peek().is_some_and(|(group, _)| group == 2) {
        let (tag, value) = reader.element(DEPTH_MAX)?;
        if tag == TRANSFER_SYNTAX {
            syntax = text(value?);
        }
    }
    reader.encoding = match syntax.as_str() {
        "1.2.840.10008.1.2" => Encoding::Implicit,
        // Deflated, or the wrong way round: not looked into.
        "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.2" => return None,
        _ => Encoding::Explicit,
    };
    while reader.peek().is_some_and(|tag| tag <= PATIENT_ID) {
        let (tag, value) = reader.element(DEPTH_MAX)?;
        if tag == PATIENT_ID {
            return value.map(text).filter(|id| !id.is_empty());
        }
    }
    None
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_matches(['\0', ' ']).to_owned()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Explicit,
    Implicit,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    encoding: Encoding,
}

impl<'a> Reader<'a> {
    fn bytes(&self, from: usize, length: usize) -> Option<&'a [u8]> {
        self.bytes.get(from..from.checked_add(length)?)
    }

    fn short(&self, from: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes(from, 2)?.try_into().ok()?))
    }

    fn long(&self, from: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(from, 4)?.try_into().ok()?))
    }

    fn peek(&self) -> Option<Tag> {
        Some((self.short(self.at)?, self.short(self.at.checked_add(2)?)?))
    }

    /// The next element with its value; without one where it is a sequence of undefined length, which is passed over.
    fn element(&mut self, depth: usize) -> Option<(Tag, Option<&'a [u8]>)> {
        let tag = self.peek()?;
        let (header, length) = match self.encoding {
            Encoding::Implicit => (8, self.long(self.at.checked_add(4)?)?),
            Encoding::Explicit => match self.bytes(self.at.checked_add(4)?, 2)? {
                b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV" => {
                    (12, self.long(self.at.checked_add(8)?)?)
                }
                _ => (8, u32::from(self.short(self.at.checked_add(6)?)?)),
            },
        };
        self.at = self.at.checked_add(header)?;
        if length == UNDEFINED {
            self.pass_sequence(depth.checked_sub(1)?)?;
            return Some((tag, None));
        }
        let value = self.bytes(self.at, usize::try_from(length).ok()?)?;
        self.at = self.at.checked_add(value.len())?;
        Some((tag, Some(value)))
    }

    fn pass_sequence(&mut self, depth: usize) -> Option<()> {
        loop {
            let (tag, length) = (self.peek()?, self.long(self.at.checked_add(4)?)?);
            self.at = self.at.checked_add(8)?;
            match tag {
                SEQUENCE_END => return Some(()),
                ITEM if length == UNDEFINED => {
                    while self.peek()? != ITEM_END {
                        self.element(depth)?;
                    }
                    self.at = self.at.checked_add(8)?;
                }
                ITEM => self.at = self.at.checked_add(usize::try_from(length).ok()?)?,
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(syntax: &str, data: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 128];
        file.extend_from_slice(b"DICM");
        file.extend(explicit((2, 0x10), b"UI", syntax.as_bytes()));
        file.extend_from_slice(data);
        file
    }

    fn explicit((group, element): (u16, u16), kind: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_le_bytes();
        [&group.to_le_bytes()[..], &element.to_le_bytes(), kind, &length, value].concat()
    }

    fn implicit((group, element): (u16, u16), length: u32, value: &[u8]) -> Vec<u8> {
        [&group.to_le_bytes()[..], &element.to_le_bytes(), &length.to_le_bytes(), value].concat()
    }

    #[test]
    fn the_patient_is_found_in_each_encoding_and_past_sequences() {
        let id = explicit(PATIENT_ID, b"LO", b"0001234 ");
        assert_eq!(patient(&file("1.2.840.10008.1.2.1", &id)).as_deref(), Some("0001234"));
        let mut nested = [&8u16.to_le_bytes()[..], &0x1140u16.to_le_bytes(), b"SQ\0\0", &UNDEFINED.to_le_bytes()].concat();
        nested.extend(implicit(ITEM, UNDEFINED, b""));
        nested.extend(explicit((8, 0x1150), b"UI", b"1.2 "));
        nested.extend(implicit(ITEM_END, 0, b""));
        nested.extend(implicit(ITEM, 4, b"abcd"));
        nested.extend(implicit(SEQUENCE_END, 0, b""));
        nested.extend(&id);
        assert_eq!(patient(&file("1.2.840.10008.1.2.4.70", &nested)).as_deref(), Some("0001234"));
        let plain = implicit(PATIENT_ID, 4, b"77\0 ");
        assert_eq!(patient(&file("1.2.840.10008.1.2", &plain)).as_deref(), Some("77"));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        let id = explicit(PATIENT_ID, b"LO", b"0001234 ");
        let whole = file("1.2.840.10008.1.2.1", &id);
        for end in 0..whole.len() - 1 {
            assert_eq!(patient(&whole[..end]), None, "{end}");
        }
        assert_eq!(patient(&file("1.2.840.10008.1.2.1.99", &id)), None);
        assert_eq!(patient(&file("1.2.840.10008.1.2.1", &explicit(PATIENT_ID, b"LO", b"  "))), None);
        assert_eq!(patient(&file("1.2.840.10008.1.2.1", &explicit((0x0020, 0x0d), b"UI", b"1"))), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_loop(noise in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            let _found = patient(&file("1.2.840.10008.1.2.1", &noise));
            let _found = patient(&file("1.2.840.10008.1.2", &noise));
            let _found = patient(&noise);
        }
    }
}
