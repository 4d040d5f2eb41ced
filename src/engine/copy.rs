use super::EngineError;
use super::cells::{Cell, Columns};
use super::tables::{Column, Kind, TABLES, Table};
use aws_lc_rs::digest::{SHA256, digest};

/// Bytes of a batch that is not made longer.
pub(super) const BATCH_BYTES: usize = 1 << 20;

/// Some rows of one table, on their way from one engine to another or to a backup.
///
/// Cells lie one after another: a byte that says what follows (0 nothing, 1 a whole number in eight bytes, 2 bytes, 3 text,
/// both with their length in four bytes before them), all numbers big-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    table: usize,
    holds: Holds,
    rows: u32,
    cells: Vec<u8>,
}

/// What a batch is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Holds {
    /// Rows, with all columns.
    Rows = 1,
    /// Keys of rows that have changed or gone: whatever has them goes. What there is of them now follows as rows.
    Keys = 2,
}

/// Where the rows come from that fill an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From an index that is to end with this. It belongs to no store before whoever moves it says so, so that no gateway
    /// takes it for whole meanwhile.
    Moved,
    /// From another one, for whoever looks at it only.
    Looked,
    /// From a backup. Some rows are older than what its store has seen, so it stands behind the store from its first moment:
    /// nothing is collected before an operator has looked.
    Backup,
}

/// A copy is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The engine that is read or filled failed.
    #[error("the index cannot be copied")]
    Engine(#[from] EngineError),
    /// The engine that is to be filled holds something.
    #[error("the index to be filled is not empty")]
    NotEmpty,
    /// A batch is not of the form that hozon writes.
    #[error("the copy cannot be read")]
    Malformed,
    /// Whoever took or gave the batches stopped before the end.
    #[error("the copy broke off")]
    BrokenOff,
}

/// How many rows of each table a copy holds, and what they add up to. Two copies with one tally hold the same rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    tables: Vec<(u64, u128)>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { tables: vec![(0, 0); TABLES.len()] }
    }
}

impl Tally {
    /// The same without one table.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        for (table, sum) in TABLES.iter().zip(&mut self.tables) {
            if table.name == name {
                *sum = (0, 0);
            }
        }
        self
    }

    /// Adds the rows of a batch; keys are none.
    ///
    /// # Errors
    /// [`CopyError::Malformed`].
    pub fn add(&mut self, batch: &Batch) -> Result<(), CopyError> {
        if batch.holds == Holds::Keys {
            return batch.each_row(|_key| Ok(()));
        }
        let (rows, sum) = self.tables.get_mut(batch.table).ok_or(CopyError::Malformed)?;
        let mut rest = batch.cells.as_slice();
        for _row in 0..batch.rows {
            let before = rest;
            for _column in batch.table()?.columns {
                cell(&mut rest)?;
            }
            let row = before.get(..before.len() - rest.len()).ok_or(CopyError::Malformed)?;
            let digest = digest(&SHA256, row);
            let (head, _) = digest.as_ref().split_first_chunk::<16>().ok_or(CopyError::Malformed)?;
            // Order does not matter, and two rows that are alike count twice.
            *sum = sum.wrapping_add(u128::from_be_bytes(*head));
        }
        *rows += u64::from(batch.rows);
        Ok(())
    }

    /// What all rows add up to: the same for the same rows.
    #[must_use]
    pub fn sum(&self) -> u128 {
        self.tables.iter().fold(0, |sum, (_, of_table)| sum.wrapping_mul(31).wrapping_add(*of_table))
    }

    /// The names of all tables with their rows.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
        TABLES.iter().zip(&self.tables).map(|(table, (rows, _))| (table.name, *rows))
    }

    /// All rows.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.tables.iter().map(|(rows, _)| rows).sum()
    }
}

impl Batch {
    /// An empty batch of rows of the table at this place in [`TABLES`].
    pub(super) const fn of(table: usize) -> Self {
        Self { table, holds: Holds::Rows, rows: 0, cells: Vec::new() }
    }

    /// An empty batch of keys of that table.
    pub(super) const fn of_keys(table: usize) -> Self {
        Self { table, holds: Holds::Keys, rows: 0, cells: Vec::new() }
    }

    /// Adds a row with all columns of what the batch holds.
    pub(super) fn push(&mut self, row: &dyn Columns, table: &Table) -> Result<(), EngineError> {
        match self.holds {
            Holds::Rows => self.push_all(row, table.columns.iter(), table.name)?,
            Holds::Keys => self.push_all(row, table.key_columns(), table.name)?,
        }
        self.rows += 1;
        Ok(())
    }

    fn push_all<'a>(
        &mut self,
        row: &dyn Columns,
        columns: impl Iterator<Item = &'a Column>,
        table: &'static str,
    ) -> Result<(), EngineError> {
        for (at, column) in columns.enumerate() {
            let found = row.cell(at).filter(|found| fits(*found, column.kind)).ok_or(EngineError::Corrupt { table })?;
            self.push_cell(found);
        }
        Ok(())
    }

    fn push_cell(&mut self, cell: Cell<'_>) {
        let out = &mut self.cells;
        match cell {
            Cell::Null => out.push(0),
            Cell::Number(number) => {
                out.push(1);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Cell::Bytes(bytes) => {
                out.push(2);
                out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
                out.extend_from_slice(bytes);
            }
            Cell::Text(text) => {
                out.push(3);
                out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
    }

    /// Whether it is long enough to go.
    pub(super) const fn is_full(&self) -> bool {
        self.cells.len() >= BATCH_BYTES
    }

    /// Whether it holds rows or keys.
    #[must_use]
    pub const fn holds(&self) -> Holds {
        self.holds
    }

    /// How many of them.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// Its bytes, for a backup.
    ///
    /// FORMAT: docs/format.md, backups: what it holds, the table's name led by its length in one byte, the number of
    /// rows in four, the cells.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let name = TABLES.get(self.table).map_or("", |table| table.name);
        let mut bytes = Vec::with_capacity(self.cells.len() + name.len() + 6);
        bytes.extend_from_slice(&[self.holds as u8, u8::try_from(name.len()).unwrap_or(0)]);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&self.rows.to_be_bytes());
        bytes.extend_from_slice(&self.cells);
        bytes
    }

    /// The batch with these bytes. Its cells are looked at by whoever uses them.
    ///
    /// # Errors
    /// [`CopyError::Malformed`], also for a table that this program does not know.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CopyError> {
        let mut rest = bytes;
        let holds = match take(&mut rest, 1)? {
            [1] => Holds::Rows,
            [2] => Holds::Keys,
            _ => return Err(CopyError::Malformed),
        };
        let [length] = array(&mut rest)?;
        let name = std::str::from_utf8(take(&mut rest, length.into())?).map_err(|_| CopyError::Malformed)?;
        let (table, _) = Table::named(name).ok_or(CopyError::Malformed)?;
        Ok(Self { table, holds, rows: u32::from_be_bytes(array(&mut rest)?), cells: rest.to_vec() })
    }

    pub(super) fn table(&self) -> Result<&'static Table, CopyError> {
        TABLES.get(self.table).ok_or(CopyError::Malformed)
    }

    /// Its rows, cell by cell, each checked to fit its column.
    pub(super) fn each_row<E: From<CopyError>>(&self, mut take: impl FnMut(&[Cell<'_>]) -> Result<(), E>) -> Result<(), E> {
        let table = self.table()?;
        let columns: Vec<&Column> = match self.holds {
            Holds::Rows => table.columns.iter().collect(),
            Holds::Keys => table.key_columns().collect(),
        };
        let mut rest = self.cells.as_slice();
        for _row in 0..self.rows {
            let mut row = Vec::with_capacity(columns.len());
            for column in &columns {
                row.push(cell(&mut rest).and_then(|cell| if fits(cell, column.kind) { Ok(cell) } else { Err(CopyError::Malformed) })?);
            }
            take(&row)?;
        }
        if rest.is_empty() { Ok(()) } else { Err(CopyError::Malformed.into()) }
    }
}

fn fits(cell: Cell<'_>, kind: Kind) -> bool {
    matches!((cell, kind), (Cell::Null, _) | (Cell::Number(_), Kind::Number) | (Cell::Bytes(_), Kind::Bytes) | (Cell::Text(_), Kind::Text))
}

fn cell<'a>(rest: &mut &'a [u8]) -> Result<Cell<'a>, CopyError> {
    match take(rest, 1)? {
        [0] => Ok(Cell::Null),
        [1] => Ok(Cell::Number(i64::from_be_bytes(array(rest)?))),
        [2] => bytes(rest).map(Cell::Bytes),
        [3] => std::str::from_utf8(bytes(rest)?).map(Cell::Text).map_err(|_| CopyError::Malformed),
        _ => Err(CopyError::Malformed),
    }
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CopyError> {
    let length = u32::from_be_bytes(array(rest)?);
    take(rest, usize::try_from(length).map_err(|_| CopyError::Malformed)?)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], CopyError> {
    take(rest, N)?.try_into().map_err(|_| CopyError::Malformed)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], CopyError> {
    let (taken, left) = rest.split_at_checked(length).ok_or(CopyError::Malformed)?;
    *rest = left;
    Ok(taken)
}
