//! The plaintext of one page of a sorted run (`docs/format.md`, "Sorted runs").

use super::directory::{Leaf, Live, Seen, What};
use crate::domain::{ETag, EntryId, UtcTime, VersionId, limits};
use crate::engine::{CurrentRow, Token, VersionKind};
use zeroize::Zeroizing;

/// Bytes of the longest item: a name of 1,024 bytes and its `/`, with all facts of a key.
const ITEM_BYTES_MAX: usize = 3 + limits::OBJECT_KEY_BYTES_MAX + 1 + 16 + 16 + 8 + 20 + 8;

const CONTENT: u8 = 1;
const DELETE_MARKER: u8 = 2;
const LIVE_DIRECTORY: u8 = 3;
const OTHER_DIRECTORY: u8 = 4;

/// A page that is being written.
pub(super) struct PageWriter {
    plain: Zeroizing<Vec<u8>>,
    items: usize,
    items_max: usize,
}

// FORMAT: items one after another: what it is (one byte), the text's length (u16), the text, the entry's UUID; for a key
// version UUID, size (u64), tag (16), its parts (u32), time (i64); for a directory its token (32).
impl PageWriter {
    pub(super) fn new(items_max: usize) -> Self {
        // All of it at once: a buffer that grew would leave unwiped copies behind.
        Self { plain: Zeroizing::new(Vec::with_capacity(limits::RUN_PAGE_BYTES_MAX)), items: 0, items_max: items_max.max(1) }
    }

    /// Whether another item, however long, finds room.
    pub(super) fn has_room(&self) -> bool {
        self.items < self.items_max && self.plain.len() + ITEM_BYTES_MAX <= limits::RUN_PAGE_BYTES_MAX
    }

    pub(super) const fn items(&self) -> usize {
        self.items
    }

    pub(super) fn plain(&self) -> &[u8] {
        &self.plain
    }

    pub(super) fn push(&mut self, item: Seen<'_>) {
        let what = match item.what {
            What::Key(CurrentRow { kind: VersionKind::Content, .. }) => CONTENT,
            What::Key(CurrentRow { kind: VersionKind::DeleteMarker, .. }) => DELETE_MARKER,
            What::Directory { live: Live::Yes, .. } => LIVE_DIRECTORY,
            What::Directory { live: Live::No, .. } => OTHER_DIRECTORY,
        };
        // A name is at most 1,024 bytes.
        let length = u16::try_from(item.text.len()).unwrap_or(u16::MAX);
        self.add(&[what]).add(&length.to_be_bytes()).add(item.text.as_bytes()).add(item.id.as_bytes());
        match item.what {
            What::Key(CurrentRow { version, size, etag, modified, .. }) => {
                self.add(version.as_bytes()).add(&size.to_be_bytes()).add(etag.bits()).add(&etag.parts().to_be_bytes());
                self.add(&modified.micros().to_be_bytes());
            }
            What::Directory { token, .. } => {
                self.add(&token.0);
            }
        }
        self.items += 1;
    }

    fn add(&mut self, bytes: &[u8]) -> &mut Self {
        self.plain.extend_from_slice(bytes);
        self
    }
}

/// The items of a page, or nothing if it is none: cut, or not in order.
pub(super) fn read(plain: &[u8]) -> Option<Leaf> {
    let mut items: Vec<Seen<'_>> = Vec::with_capacity(limits::RUN_PAGE_ITEMS);
    let mut rest = Rest(plain);
    while !rest.0.is_empty() {
        let item = rest.item()?;
        if items.last().is_some_and(|last| last.text >= item.text) {
            return None;
        }
        items.push(item);
    }
    (!items.is_empty()).then(|| Leaf::of(&items))
}

/// What of a page is still to be read.
struct Rest<'p>(&'p [u8]);

impl<'p> Rest<'p> {
    fn item(&mut self) -> Option<Seen<'p>> {
        let what = u8::from_be_bytes(self.array()?);
        let length = u16::from_be_bytes(self.array()?);
        let (text, rest) = self.0.split_at_checked(usize::from(length))?;
        self.0 = rest;
        let text = std::str::from_utf8(text).ok()?;
        let id = EntryId::from_bytes(self.array()?);
        let what = match what {
            CONTENT => What::Key(self.current(VersionKind::Content)?),
            DELETE_MARKER => What::Key(self.current(VersionKind::DeleteMarker)?),
            LIVE_DIRECTORY => What::Directory { token: Token(self.array()?), live: Live::Yes },
            OTHER_DIRECTORY => What::Directory { token: Token(self.array()?), live: Live::No },
            _ => return None,
        };
        Some(Seen { text, id, what })
    }

    fn current(&mut self, kind: VersionKind) -> Option<CurrentRow> {
        let version = VersionId::from_bytes(self.array()?);
        let size = u64::from_be_bytes(self.array()?);
        let etag = ETag::new(self.array()?, u32::from_be_bytes(self.array()?));
        Some(CurrentRow { version, kind, size, etag, modified: UtcTime::from_micros(i64::from_be_bytes(self.array()?)) })
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str, what: What) -> Seen<'_> {
        Seen { text, id: EntryId::from_bytes([5; 16]), what }
    }

    fn key(kind: VersionKind) -> What {
        let (version, etag) = (VersionId::from_bytes([6; 16]), ETag::new([7; 16], 0x0102_0304));
        What::Key(CurrentRow { version, kind, size: 0x0203, etag, modified: UtcTime::from_micros(-2) })
    }

    fn written(items: &[Seen<'_>]) -> Vec<u8> {
        let mut page = PageWriter::new(usize::MAX);
        for item in items {
            assert!(page.has_room());
            page.push(*item);
        }
        page.plain().to_vec()
    }

    #[test]
    fn a_page_is_its_items_byte_for_byte() {
        let directory = What::Directory { token: Token([8; 32]), live: Live::Yes };
        let key_bytes = [
            vec![1, 0, 2, b'a', b'b'],
            vec![5; 16],
            vec![6; 16],
            vec![0, 0, 0, 0, 0, 0, 2, 3],
            vec![7; 16],
            vec![1, 2, 3, 4],
            vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
        ];
        let directory_bytes = [vec![3, 0, 2, b'c', b'/'], vec![5; 16], vec![8; 32]];
        let plain = written(&[item("ab", key(VersionKind::Content)), item("c/", directory)]);
        assert_eq!(plain, [key_bytes.concat(), directory_bytes.concat()].concat());
    }

    #[test]
    fn what_was_written_is_read_and_anything_else_is_no_page() {
        let items = [
            item("", key(VersionKind::Content)),
            item("b", key(VersionKind::DeleteMarker)),
            item("c/", What::Directory { token: Token([8; 32]), live: Live::No }),
            item("é/", What::Directory { token: Token([9; 32]), live: Live::Yes }),
        ];
        let plain = written(&items);
        let seen: Vec<_> = read(&plain).unwrap().iter().map(|seen| (seen.text.to_owned(), seen.id, seen.what)).collect();
        assert_eq!(seen, items.map(|item| (item.text.to_owned(), item.id, item.what)));
        for end in 1..plain.len() {
            let cut = read(&plain[..end]).map_or(0, |leaf| leaf.iter().count());
            assert!(cut < items.len(), "{end}");
        }
        assert!(read(&[]).is_none() && read(&[9; 100]).is_none());
        let swapped = [items[1], items[0]];
        assert!(read(&written(&swapped)).is_none());
        assert!(read(&written(&[items[1], items[1]])).is_none());
    }

    #[test]
    fn the_longest_names_end_a_page_before_its_buffer_grows() {
        let name = "x".repeat(limits::OBJECT_KEY_BYTES_MAX + 1);
        let mut page = PageWriter::new(usize::MAX);
        while page.has_room() {
            page.push(item(&name, key(VersionKind::Content)));
        }
        assert!(page.items() > 100);
        assert!(page.plain().len() <= limits::RUN_PAGE_BYTES_MAX && page.plain.capacity() == limits::RUN_PAGE_BYTES_MAX);
    }
}
