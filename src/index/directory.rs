//! One directory with its names opened, sorted, and cheap to bring up to date.

use crate::domain::{EntryId, limits};
use crate::engine::{CurrentRow, Token};
use std::collections::HashSet;
use std::sync::Arc;
use zeroize::Zeroizing;

/// One directory's opened listing at one moment: items in the byte order of their texts.
///
/// A key's text is its last segment, a directory's text ends in `/`: so a depth-first walk is exactly the
/// byte order of whole keys. Kept in leaves that later listings share as far as nothing changed in them.
#[derive(Clone, Default)]
pub(super) struct Directory {
    leaves: Vec<Arc<Leaf>>,
    count: usize,
}

/// Some hundred neighbours. Their texts lie in one buffer, which is wiped when the leaf goes.
pub(super) struct Leaf {
    text: Zeroizing<String>,
    items: Vec<Item>,
}

struct Item {
    end: u32,
    id: EntryId,
    what: What,
}

/// What an item is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// A key.
    Key(CurrentRow),
    /// A directory.
    Directory {
        /// Token of its own path.
        token: Token,
        /// Whether any key below it has a live version.
        live: Live,
    },
}

/// Whether there is anything below a directory that a listing of keys shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Live {
    Yes,
    No,
}

/// A place between two items. Only for the directory that gave it.
#[derive(Clone, Copy, Default)]
pub(super) struct Position {
    leaf: usize,
    item: usize,
}

/// One item as it is read.
#[derive(Clone, Copy)]
pub(super) struct Seen<'d> {
    pub(super) text: &'d str,
    pub(super) id: EntryId,
    pub(super) what: What,
}

/// One item as it comes from a row.
pub(super) struct Opened {
    /// The text, with `/` at the end for a directory.
    pub(super) text: Zeroizing<String>,
    pub(super) id: EntryId,
    pub(super) what: What,
}

impl Directory {
    /// How many items it has.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.leaves.iter().map(|leaf| leaf.text.capacity() + Leaf::bytes_beside_text(leaf.items.capacity())).sum()
    }

    /// The item at `position`.
    pub(super) fn at(&self, position: Position) -> Option<Seen<'_>> {
        self.leaves.get(position.leaf)?.seen(position.item)
    }

    /// The place after `position`.
    pub(super) fn after(&self, position: Position) -> Position {
        let next = Position { item: position.item + 1, ..position };
        let in_leaf = self.leaves.get(next.leaf).is_some_and(|leaf| next.item < leaf.items.len());
        if in_leaf { next } else { Position { leaf: position.leaf + 1, item: 0 } }
    }

    /// The first place whose item is not `before`, which must be true of all items up to some place, and of none after.
    pub(super) fn seek(&self, before: impl Fn(&str) -> bool) -> Position {
        let leaf = self.leaves.partition_point(|leaf| leaf.last().is_some_and(|last| before(last.text)));
        let item = self.leaves.get(leaf).map_or(0, |leaf| leaf.seek(before));
        Position { leaf, item }
    }

    /// The directory after `changed` items were added or replaced and `gone` ones removed. Of two changed items with
    /// one text the later counts.
    pub(super) fn with(&self, mut changed: Vec<Opened>, gone: &HashSet<EntryId>) -> Self {
        changed.retain(|item| !gone.contains(&item.id));
        changed.sort_by(|one, other| one.text.as_bytes().cmp(other.text.as_bytes()));
        let mut incoming = changed.into_iter().peekable();
        let mut leaves = Vec::with_capacity(self.leaves.len() + 1);
        for (index, leaf) in self.leaves.iter().enumerate() {
            // What sorts between two leaves goes to the earlier one; the last takes all that is left.
            let next = self.leaves.get(index + 1).and_then(|next| next.first());
            let mut mine = Vec::new();
            while let Some(item) = incoming.next_if(|item| next.is_none_or(|next| item.text.as_str() < next.text)) {
                mine.push(item);
            }
            if mine.is_empty() && !leaf.has_any(gone) {
                leaves.push(Arc::clone(leaf));
            } else {
                leaves.extend(merged(Some(leaf), &mine, gone));
            }
        }
        let rest: Vec<Opened> = incoming.collect();
        leaves.extend(merged(None, &rest, gone));
        let count = leaves.iter().map(|leaf| leaf.items.len()).sum();
        Self { leaves, count }
    }
}

impl Leaf {
    /// How many bytes a leaf of so many items takes besides their texts.
    pub(super) const fn bytes_beside_text(items: usize) -> usize {
        size_of::<Self>() + items * size_of::<Item>()
    }

    pub(super) fn of(items: &[Seen<'_>]) -> Self {
        // The capacity is exact: a text that grew would leave unwiped copies behind.
        let mut text = Zeroizing::new(String::with_capacity(items.iter().map(|item| item.text.len()).sum()));
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            text.push_str(item.text);
            // A leaf holds some hundred texts of at most 1,025 bytes.
            let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
            kept.push(Item { end, id: item.id, what: item.what });
        }
        Self { text, items: kept }
    }

    pub(super) fn seen(&self, index: usize) -> Option<Seen<'_>> {
        let item = self.items.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.items.get(before)).map_or(0, |before| before.end);
        let text = self.text.get(start as usize..item.end as usize)?;
        Some(Seen { text, id: item.id, what: item.what })
    }

    fn first(&self) -> Option<Seen<'_>> {
        self.seen(0)
    }

    pub(super) fn last(&self) -> Option<Seen<'_>> {
        self.seen(self.items.len().checked_sub(1)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Seen<'_>> {
        (0..self.items.len()).filter_map(|index| self.seen(index))
    }

    fn has_any(&self, ids: &HashSet<EntryId>) -> bool {
        !ids.is_empty() && self.items.iter().any(|item| ids.contains(&item.id))
    }

    pub(super) fn seek(&self, before: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (0, self.items.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.seen(middle).is_some_and(|seen| before(seen.text)) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// The leaves that hold what `leaf` keeps and what comes in; `incoming` is sorted.
fn merged(leaf: Option<&Leaf>, incoming: &[Opened], gone: &HashSet<EntryId>) -> Vec<Arc<Leaf>> {
    let mut kept = leaf.into_iter().flat_map(Leaf::iter).filter(|item| !gone.contains(&item.id)).peekable();
    let mut all: Vec<Seen<'_>> = Vec::new();
    for (index, item) in incoming.iter().enumerate() {
        while let Some(earlier) = kept.next_if(|kept| kept.text < item.text.as_str()) {
            all.push(earlier);
        }
        let _replaced = kept.next_if(|kept| kept.text == item.text.as_str());
        if incoming.get(index + 1).is_none_or(|next| next.text != item.text) {
            all.push(Seen { text: &item.text, id: item.id, what: item.what });
        }
    }
    all.extend(kept);
    let leaves = all.len().div_ceil(limits::LISTING_LEAF_ENTRIES_MAX).max(1);
    all.chunks(all.len().div_ceil(leaves).max(1)).map(|items| Arc::new(Leaf::of(items))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ETag, UtcTime, VersionId};
    use crate::engine::VersionKind;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn key(size: u64) -> What {
        let (version, etag, modified) = (VersionId::from_bytes([1; 16]), ETag::new([2; 16], 1), UtcTime::from_micros(3));
        What::Key(CurrentRow { version, kind: VersionKind::Content, size, etag, modified })
    }

    fn opened(text: &str, id: u8, size: u64) -> Opened {
        Opened { text: Zeroizing::new(text.to_owned()), id: EntryId::from_bytes([id; 16]), what: key(size) }
    }

    fn all(directory: &Directory) -> Vec<(String, What)> {
        let mut items = Vec::new();
        let mut at = Position::default();
        while let Some(seen) = directory.at(at) {
            items.push((seen.text.to_owned(), seen.what));
            at = directory.after(at);
        }
        items
    }

    #[test]
    fn a_directory_weighs_what_its_names_take() {
        let with = |length: usize| {
            let items = (0..100).map(|id| opened(&format!("{id:03}{}", "n".repeat(length)), id, 1)).collect();
            Directory::default().with(items, &HashSet::new()).bytes()
        };
        assert!(with(1_000) >= 100 * 1_000 && with(1_000) < 4 * 100 * 1_100);
        assert!(with(1) >= 100 * size_of::<Item>() && with(1) * 4 < with(1_000));
        assert_eq!(Directory::default().bytes(), 0);
    }

    proptest! {
        #[test]
        fn any_sequence_of_changes_leaves_what_a_sorted_map_holds(
            rounds in prop::collection::vec((prop::collection::vec((0..200_u8, 0..9_u64), 0..60), prop::collection::hash_set(0..200_u8, 0..20)), 0..30)
        ) {
            let mut directory = Directory::default();
            let mut model = BTreeMap::new();
            for (changed, gone) in rounds {
                let name = |id: u8| format!("{}{id}", if id.is_multiple_of(3) { "a/" } else { "a-" });
                let rows = changed.iter().map(|(id, size)| opened(&name(*id), *id, *size)).collect();
                let gone_ids = gone.iter().map(|id| EntryId::from_bytes([*id; 16])).collect();
                model.extend(changed.iter().map(|(id, size)| (name(*id), key(*size))));
                gone.iter().for_each(|id| { model.remove(&name(*id)); });
                directory = directory.with(rows, &gone_ids);
                prop_assert_eq!(directory.len(), model.len());
                prop_assert_eq!(all(&directory), model.iter().map(|(name, what)| (name.clone(), *what)).collect::<Vec<_>>());
                for text in ["", "a-", "a/", "a-5", "a/99", "b"] {
                    let found = directory.at(directory.seek(|item| item < text)).map(|seen| seen.text.to_owned());
                    prop_assert_eq!(found, model.range(text.to_owned()..).next().map(|(name, _)| name.clone()));
                }
            }
        }
    }

    #[test]
    fn a_small_change_of_a_large_directory_shares_all_leaves_but_one() {
        let rows = (0..100_000_u32).map(|n| opened(&format!("{n:06}"), 1, 1)).collect();
        let before = Directory::default().with(rows, &HashSet::new());
        let after = before.with(vec![opened("050000x", 2, 2)], &HashSet::new());
        let shared = after.leaves.iter().filter(|leaf| before.leaves.iter().any(|old| Arc::ptr_eq(old, leaf))).count();
        assert_eq!(after.len(), 100_001);
        assert!(before.leaves.len() > 100);
        assert_eq!(shared, before.leaves.len() - 1);
    }
}
