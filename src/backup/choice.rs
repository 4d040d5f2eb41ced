use super::PieceName;
use crate::domain::{ChainId, UtcTime};

/// Which state of which backup is wanted: the newest that there is, but for what is said here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Only this backup.
    pub chain: Option<ChainId>,
    /// The newest state up to this moment.
    pub until: Option<UtcTime>,
    /// As if these pieces were not there.
    pub without: Vec<PieceName>,
}

impl Choice {
    pub(super) fn takes(&self, name: &PieceName) -> bool {
        self.chain.is_none_or(|chain| chain == name.chain) && !self.without.contains(name)
    }
}
