use super::status::Report;
use crate::domain::ChainId;
use crate::engine::JobRow;
use serde::{Deserialize, Serialize};

/// Where a backup stands, as its job's row keeps it.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// Nothing before the first.
    pub(super) chain: Option<Place>,
    pub(super) report: Report,
}

/// An unbroken backup that goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// Which, in hexadecimal.
    chain: String,
    /// The next segment of its journal.
    pub(super) number: u64,
}

impl Place {
    pub(super) fn new(chain: ChainId) -> Self {
        Self { chain: chain.to_string(), number: 0 }
    }

    pub(super) fn chain(&self) -> Option<ChainId> {
        ChainId::parse(&self.chain).ok()
    }
}

impl State {
    /// What a job's row says. What cannot be read was written by a newer program: a new backup begins.
    pub(super) fn of(row: &JobRow) -> Self {
        let chain = serde_json::from_slice::<Place>(&row.progress.cursor).ok().filter(|place| place.chain().is_some());
        Self { chain, report: serde_json::from_slice(&row.progress.report).unwrap_or_default() }
    }
}
