//! One stored row as its cells, the same for every database. Rows hold only nulls, whole numbers, bytes and text.

use super::{EngineError, RowMac, Token};
use crate::domain::{BlobId, Location, UtcTime};

/// One cell of a stored row.
#[derive(Clone, Copy)]
pub(super) enum Cell<'a> {
    Null,
    Number(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
}

/// A row as its database gives it.
pub(super) trait Columns {
    /// The cell at `at`, counted from 0; nothing if there is none, or it holds what no hozon writes.
    fn cell(&self, at: usize) -> Option<Cell<'_>>;
}

/// What a cell can be taken as.
pub(super) trait FromCell: Sized {
    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

impl FromCell for i64 {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Number(number) = cell { Some(number) } else { None }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Bytes(bytes) = cell { Some(bytes.to_vec()) } else { None }
    }
}

impl<const N: usize> FromCell for [u8; N] {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Bytes(bytes) = cell { bytes.try_into().ok() } else { None }
    }
}

impl FromCell for String {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Text(text) = cell { Some(text.to_owned()) } else { None }
    }
}

impl FromCell for bool {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Number(0) => Some(false),
            Cell::Number(1) => Some(true),
            _ => None,
        }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if matches!(cell, Cell::Null) { Some(None) } else { T::from_cell(cell).map(Some) }
    }
}

/// The cells of one row, taken from left to right. A cell that no hozon writes is [`EngineError::Corrupt`].
pub(super) struct Cells<'a> {
    row: &'a dyn Columns,
    next: usize,
    table: &'static str,
}

impl<'a> Cells<'a> {
    pub(super) const fn new(row: &'a dyn Columns, table: &'static str) -> Self {
        Self { row, next: 0, table }
    }

    /// Goes on with the columns of another table of the same query.
    pub(super) const fn of_table(&mut self, table: &'static str) {
        self.table = table;
    }

    pub(super) const fn corrupt(&self) -> EngineError {
        EngineError::Corrupt { table: self.table }
    }

    pub(super) fn take<T: FromCell>(&mut self) -> Result<T, EngineError> {
        let taken = self.row.cell(self.next).and_then(T::from_cell).ok_or_else(|| self.corrupt())?;
        self.next += 1;
        Ok(taken)
    }

    /// Whether the next cell is null; it is not taken.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.row.cell(self.next), Some(Cell::Null))
    }

    pub(super) const fn skip(&mut self, cells: usize) {
        self.next += cells;
    }

    pub(super) fn number<T: TryFrom<i64>>(&mut self) -> Result<T, EngineError> {
        let number: i64 = self.take()?;
        T::try_from(number).map_err(|_| self.corrupt())
    }

    pub(super) fn some_number<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, EngineError> {
        let number: Option<i64> = self.take()?;
        number.map(T::try_from).transpose().map_err(|_| self.corrupt())
    }

    /// A 64-bit pattern that uses all bits.
    pub(super) fn bits(&mut self) -> Result<u64, EngineError> {
        Ok(self.take::<i64>()?.cast_unsigned())
    }

    pub(super) fn time(&mut self) -> Result<UtcTime, EngineError> {
        Ok(UtcTime::from_micros(self.take()?))
    }

    pub(super) fn some_time(&mut self) -> Result<Option<UtcTime>, EngineError> {
        Ok(self.take::<Option<i64>>()?.map(UtcTime::from_micros))
    }

    pub(super) fn id<T>(&mut self, make: fn([u8; 16]) -> T) -> Result<T, EngineError> {
        Ok(make(self.take()?))
    }

    pub(super) fn some_id<T>(&mut self, make: fn([u8; 16]) -> T) -> Result<Option<T>, EngineError> {
        Ok(self.take::<Option<[u8; 16]>>()?.map(make))
    }

    pub(super) fn token(&mut self) -> Result<Token, EngineError> {
        Ok(Token(self.take()?))
    }

    pub(super) fn mac(&mut self) -> Result<RowMac, EngineError> {
        Ok(RowMac(self.take()?))
    }

    /// A number that stands for something.
    pub(super) fn one_of<T>(&mut self, known: fn(u8) -> Option<T>) -> Result<T, EngineError> {
        let number: u8 = self.number()?;
        known(number).ok_or_else(|| self.corrupt())
    }

    /// Text that was parsed before it was written.
    pub(super) fn parsed<T, E>(&mut self, parse: fn(&str) -> Result<T, E>) -> Result<T, EngineError> {
        let text: String = self.take()?;
        parse(&text).map_err(|_| self.corrupt())
    }

    pub(super) fn some_parsed<T, E>(&mut self, parse: fn(&str) -> Result<T, E>) -> Result<Option<T>, EngineError> {
        let text: Option<String> = self.take()?;
        text.as_deref().map(parse).transpose().map_err(|_| self.corrupt())
    }

    /// Blob, offset and length.
    pub(super) fn location(&mut self) -> Result<Location, EngineError> {
        let blob: Vec<u8> = self.take()?;
        let blob = BlobId::from_bytes(&blob).map_err(|_| self.corrupt())?;
        Ok(Location { blob, offset: self.number()?, length: self.number()? })
    }
}

/// A length or count as a database has it. No value of ours reaches the sign bit; one that does sorts last.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
