//! Numbers from a seed, so that the seed says everything that a test did.

/// SplitMix64.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of the numbers before `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    /// One of several.
    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// The seed, and how long to go on, as the environment says.
pub(crate) fn asked() -> (u64, f64) {
    let said = |name| std::env::var(name).ok();
    let seed = said("HOZON_FUZZ_SEED").and_then(|text| text.parse().ok()).unwrap_or(20_261_123);
    (seed, said("HOZON_FUZZ_SECONDS").and_then(|text| text.parse().ok()).unwrap_or(2.0))
}
