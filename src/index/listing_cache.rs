//! Which opened directories are kept, and which go first.

use super::view::View;
use crate::domain::{BucketId, TenantId, limits};
use crate::engine::Token;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Which directory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DirectoryId {
    pub(super) tenant: TenantId,
    pub(super) bucket: BucketId,
    pub(super) token: Token,
}

/// A directory as it was at a mark.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) view: View,
    pub(super) mark: u64,
    pub(super) epoch: u64,
    /// How many rows no run holds, and none is to be written for yet.
    pub(super) beside_run: usize,
}

/// Where one directory is kept. Its lock makes those who want the same directory at the same time wait for one refresh.
pub(super) type Cell = Arc<Mutex<Option<Kept>>>;

/// Opened directories, the least recently listed going first when they take too much memory.
pub(super) struct ListingCache {
    slots: HashMap<DirectoryId, Slot>,
    order: BTreeMap<u64, DirectoryId>,
    tick: u64,
    weight: usize,
    weight_max: usize,
}

struct Slot {
    cell: Cell,
    generation: u64,
    tick: u64,
    weight: usize,
}

/// About what a slot takes besides its directory, in bytes.
const SLOT_WEIGHT: usize = 512;

impl ListingCache {
    pub(super) fn new(weight_max: usize) -> Self {
        Self { slots: HashMap::new(), order: BTreeMap::new(), tick: 0, weight: 0, weight_max }
    }

    /// The place of a directory, which is now the one most recently listed, under this generation of its tenant's keys.
    pub(super) fn cell(&mut self, id: DirectoryId, generation: u64) -> Cell {
        self.tick += 1;
        if self.slots.get(&id).is_some_and(|slot| slot.generation != generation) {
            self.forget(id);
        }
        let slot = self.slots.entry(id).or_insert_with(|| {
            self.weight += SLOT_WEIGHT;
            Slot { cell: Cell::default(), generation, tick: 0, weight: SLOT_WEIGHT }
        });
        self.order.remove(&slot.tick);
        slot.tick = self.tick;
        self.order.insert(self.tick, id);
        Arc::clone(&slot.cell)
    }

    /// Says how many bytes `cell` may come to hold. What is too much goes; an empty directory is not kept.
    pub(super) fn weigh(&mut self, id: DirectoryId, cell: &Cell, bytes: usize) {
        let Some(slot) = self.slots.get_mut(&id).filter(|slot| Arc::ptr_eq(&slot.cell, cell)) else {
            return;
        };
        let weight = bytes.saturating_add(SLOT_WEIGHT);
        self.weight = self.weight - slot.weight + weight;
        slot.weight = weight;
        if bytes == 0 {
            self.forget(id);
        }
        while self.weight > self.weight_max {
            let Some((_, oldest)) = self.order.first_key_value() else {
                return;
            };
            self.forget(*oldest);
        }
    }

    /// Forgets what was opened under another generation of its tenant's keys than `generation_of` tells.
    pub(super) fn sweep(&mut self, generation_of: impl Fn(TenantId) -> u64) {
        let ended = self.slots.iter().filter(|(id, slot)| generation_of(id.tenant) != slot.generation);
        let ended: Vec<DirectoryId> = ended.map(|(id, _)| *id).collect();
        ended.into_iter().for_each(|id| self.forget(id));
    }

    fn forget(&mut self, id: DirectoryId) {
        if let Some(slot) = self.slots.remove(&id) {
            self.order.remove(&slot.tick);
            self.weight -= slot.weight;
        }
    }
}

impl Default for ListingCache {
    fn default() -> Self {
        Self::new(limits::LISTING_CACHE_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(tenant: u8, token: u8) -> DirectoryId {
        let (tenant, bucket) = (TenantId::from_bytes([tenant; 16]), BucketId::from_bytes([0; 16]));
        DirectoryId { tenant, bucket, token: Token([token; 32]) }
    }

    fn is_kept(cache: &ListingCache, id: DirectoryId, cell: &Cell) -> bool {
        cache.slots.get(&id).is_some_and(|slot| Arc::ptr_eq(&slot.cell, cell))
    }

    #[test]
    fn the_least_recently_listed_goes_first() {
        let mut cache = ListingCache::new(10_000);
        let (one, two) = (cache.cell(id(1, 1), 7), cache.cell(id(1, 2), 7));
        cache.weigh(id(1, 1), &one, 4_000);
        cache.weigh(id(1, 2), &two, 4_000);
        let _listed_again = cache.cell(id(1, 1), 7);
        let three = cache.cell(id(1, 3), 7);
        cache.weigh(id(1, 3), &three, 4_000);
        assert!(is_kept(&cache, id(1, 1), &one) && is_kept(&cache, id(1, 3), &three));
        assert!(!is_kept(&cache, id(1, 2), &two));
        assert_eq!(cache.weight, 2 * (4_000 + SLOT_WEIGHT));
    }

    #[test]
    fn a_directory_larger_than_all_room_is_not_kept() {
        let mut cache = ListingCache::new(10_000);
        let one = cache.cell(id(1, 1), 7);
        cache.weigh(id(1, 1), &one, 10_001);
        assert!(cache.slots.is_empty() && cache.order.is_empty());
        assert_eq!(cache.weight, 0);
    }

    #[test]
    fn empty_directories_and_ended_leases_leave_nothing() {
        let mut cache = ListingCache::new(10_000);
        let (one, two, three) = (cache.cell(id(1, 1), 7), cache.cell(id(1, 2), 7), cache.cell(id(2, 1), 7));
        cache.weigh(id(1, 1), &one, 1_000);
        cache.weigh(id(1, 2), &two, 0);
        cache.weigh(id(2, 1), &three, 1_000);
        cache.sweep(|tenant| if tenant == TenantId::from_bytes([1; 16]) { 8 } else { 7 });
        cache.weigh(id(1, 1), &one, 2_000);
        assert!(is_kept(&cache, id(2, 1), &three));
        assert_eq!((cache.slots.len(), cache.order.len(), cache.weight), (1, 1, 1_000 + SLOT_WEIGHT));
    }
}
