use crate::domain::UtcTime;
use crate::engine::cells::whole;
use std::error::Error;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type};

/// A value that is given to a statement. It fits only the type of column that hozon keeps it in.
#[derive(Debug, Clone)]
pub(super) enum Given<'a> {
    Null,
    Number(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Numbers(Vec<i64>),
    AllBytes(Vec<&'a [u8]>),
    Texts(Vec<&'a str>),
}

/// The values of a statement, in order.
macro_rules! given {
    ($($value:expr),* $(,)?) => { vec![$(crate::engine::postgres::given::Given::from($value)),*] };
}
pub(super) use given;

impl ToSql for Given<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Number(number) if *kind == Type::INT8 => number.to_sql(kind, out),
            Self::Bytes(bytes) if *kind == Type::BYTEA => bytes.to_sql(kind, out),
            Self::Text(text) if *kind == Type::TEXT => text.to_sql(kind, out),
            Self::Numbers(numbers) if *kind == Type::INT8_ARRAY => numbers.to_sql(kind, out),
            Self::AllBytes(all) if *kind == Type::BYTEA_ARRAY => all.to_sql(kind, out),
            Self::Texts(texts) if *kind == Type::TEXT_ARRAY => texts.to_sql(kind, out),
            // Text that the driver would write for another type is not what the statement means.
            _ => Err(format!("a statement of ours wants {kind}").into()),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::BYTEA, Type::TEXT, Type::INT8_ARRAY, Type::BYTEA_ARRAY, Type::TEXT_ARRAY].contains(kind)
    }

    tokio_postgres::types::to_sql_checked!();
}

impl From<i64> for Given<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Given<'_> {
    fn from(number: u64) -> Self {
        Self::Number(whole(number))
    }
}

impl From<u32> for Given<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u8> for Given<'_> {
    fn from(number: u8) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Given<'_> {
    fn from(number: usize) -> Self {
        Self::Number(whole(number as u64))
    }
}

impl From<UtcTime> for Given<'_> {
    fn from(time: UtcTime) -> Self {
        Self::Number(time.micros())
    }
}

impl<'a> From<&'a [u8]> for Given<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Given<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Given<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a str> for Given<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Given<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<i64>> for Given<'_> {
    fn from(numbers: Vec<i64>) -> Self {
        Self::Numbers(numbers)
    }
}

impl<'a> From<Vec<&'a [u8]>> for Given<'a> {
    fn from(all: Vec<&'a [u8]>) -> Self {
        Self::AllBytes(all)
    }
}

impl<'a> From<Vec<&'a str>> for Given<'a> {
    fn from(texts: Vec<&'a str>) -> Self {
        Self::Texts(texts)
    }
}

impl<'a, T> From<Option<T>> for Given<'a>
where
    Given<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}
