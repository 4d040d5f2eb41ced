use super::{RecordClass, Right};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which job type may do what with which record class (AC-01, AC-02).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessGrid {
    cells: BTreeMap<RecordClass, BTreeMap<Right, Cell>>,
}

/// Who may use one right on one class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// The job types that may.
    pub job_types: Arc<BTreeSet<String>>,
    /// Those that may only on behalf of somebody else (AT-09).
    pub proxies: Arc<BTreeSet<String>>,
}

/// Whether a row of the grid holds for what one enters oneself, or only on behalf of somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enters {
    /// In one's own name.
    Oneself,
    /// As a proxy (代行) of a responsible person.
    AsProxy,
}

impl AccessGrid {
    /// Lets `job_type` use `right` on records of `class`.
    pub fn allow(&mut self, (job_type, class): (&str, &RecordClass), right: Right, enters: Enters) {
        let cell = self.cells.entry(class.clone()).or_default().entry(right).or_default();
        let set = match enters {
            Enters::Oneself => &mut cell.job_types,
            Enters::AsProxy => &mut cell.proxies,
        };
        Arc::make_mut(set).insert(job_type.to_owned());
    }

    /// Who may use `right` on records of `class`; nobody where nothing stands.
    #[must_use]
    pub fn cell(&self, class: &RecordClass, right: Right) -> Option<&Cell> {
        self.cells.get(class)?.get(&right)
    }

    /// Every cell that lets somebody do something.
    pub fn iter(&self) -> impl Iterator<Item = (&RecordClass, Right, &Cell)> {
        self.cells.iter().flat_map(|(class, rights)| rights.iter().map(move |(right, cell)| (class, *right, cell)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_nowhere_is_allowed_to_nobody() {
        let class = RecordClass::parse("chart.medical").unwrap();
        let mut grid = AccessGrid::default();
        grid.allow(("physician", &class), Right::Read, Enters::Oneself);
        grid.allow(("medical_clerk", &class), Right::WriteDraft, Enters::AsProxy);
        assert!(grid.cell(&class, Right::Read).unwrap().job_types.contains("physician"));
        assert!(grid.cell(&class, Right::WriteDraft).unwrap().job_types.is_empty());
        assert!(grid.cell(&class, Right::WriteDraft).unwrap().proxies.contains("medical_clerk"));
        assert!(grid.cell(&class, Right::Finalize).is_none());
        assert_eq!(grid.iter().count(), 2);
    }
}
