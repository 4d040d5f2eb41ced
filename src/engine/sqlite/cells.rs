use crate::domain::{BlobId, Location, UtcTime};
use crate::engine::{EngineError, RowMac, Token};
use rusqlite::Row;
use rusqlite::types::FromSql;

/// The cells of one row, taken from left to right. A cell that no hozon writes is [`EngineError::Corrupt`].
pub(super) struct Cells<'a> {
    row: &'a Row<'a>,
    next: usize,
    table: &'static str,
}

impl<'a> Cells<'a> {
    pub(super) const fn new(row: &'a Row<'a>, table: &'static str) -> Self {
        Self { row, next: 0, table }
    }

    /// Goes on with the columns of another table of the same query.
    pub(super) const fn of_table(&mut self, table: &'static str) {
        self.table = table;
    }

    pub(super) const fn corrupt(&self) -> EngineError {
        EngineError::Corrupt { table: self.table }
    }

    pub(super) fn take<T: FromSql>(&mut self) -> Result<T, EngineError> {
        let cell = self.row.get(self.next).map_err(|_| self.corrupt())?;
        self.next += 1;
        Ok(cell)
    }

    /// Whether the next cell is null; it is not taken.
    pub(super) fn is_null(&self) -> bool {
        self.row.get_ref(self.next).is_ok_and(|cell| cell.as_bytes_or_null().is_ok_and(|bytes| bytes.is_none()))
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

/// A length or count as SQLite has it. No value of ours reaches the sign bit; one that does sorts last.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
