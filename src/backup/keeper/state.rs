use super::status::Report;
use crate::backup::Follows;
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
    /// What it goes on from, where there was a backup before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) follows: Option<Follows>,
}

impl Place {
    pub(super) fn new(chain: ChainId, follows: Option<Follows>) -> Self {
        Self { chain: chain.to_string(), number: 0, follows }
    }

    /// The next segment of `chain`.
    pub(super) fn at(chain: ChainId, number: u64) -> Self {
        Self { number, ..Self::new(chain, None) }
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
