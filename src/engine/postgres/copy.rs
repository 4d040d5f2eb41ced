//! Whole copies of the index: out of it at one moment, and into an empty one as one transaction.

use super::fault::Fault;
use super::given::{Given, given};
use super::session::{Session, UNHURRIED};
use crate::engine::EngineError;
use crate::engine::cells::Cell;
use crate::engine::copy::{Batch, CopyError, Holds, Origin};
use crate::engine::tables::{Kind, TABLES, Table};
use futures::{TryStreamExt, pin_mut};
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

impl From<Fault> for CopyError {
    fn from(fault: Fault) -> Self {
        Self::Engine(match fault {
            Fault::Engine(error) => error,
            Fault::Again => EngineError::Busy,
            Fault::Lost => EngineError::Unavailable,
        })
    }
}

/// Sends every row, all as they were at one moment. Writers go on; what they write is not in the copy.
pub(super) async fn dump(session: &Session, out: &mpsc::Sender<Batch>) -> Result<(), CopyError> {
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    session.run(UNHURRIED).await?;
    for (at, table) in TABLES.iter().enumerate() {
        send(session, &format!("SELECT {} FROM {}", table.column_list(), table.name), Batch::of(at), out).await?;
    }
    Ok(session.run("COMMIT").await?)
}

/// Sends what `sql` finds in batches like `first`, which is empty.
pub(super) async fn send(session: &Session, sql: &str, first: Batch, out: &mpsc::Sender<Batch>) -> Result<(), CopyError> {
    let table = first.table()?;
    let rows = session.stream(sql).await?;
    pin_mut!(rows);
    let mut batch = first.clone();
    while let Some(row) = rows.try_next().await.map_err(Fault::from)? {
        batch.push(&row, table)?;
        if batch.is_full() {
            out.send(std::mem::replace(&mut batch, first.clone())).await.map_err(|_| CopyError::BrokenOff)?;
        }
    }
    if batch.rows() > 0 {
        out.send(batch).await.map_err(|_| CopyError::BrokenOff)?;
    }
    Ok(())
}

/// Fills an empty index with all batches that come, or leaves it empty.
pub(super) async fn load(
    session: &Session,
    (batches, origin): (&mut mpsc::Receiver<Result<Batch, CopyError>>, Origin),
) -> Result<(), CopyError> {
    session.run("BEGIN").await?;
    session.run(UNHURRIED).await?;
    for table in TABLES {
        if session.exists(&format!("SELECT 1 FROM {} LIMIT 1", table.name), given![]).await? {
            return Err(CopyError::NotEmpty);
        }
    }
    while let Some(batch) = batches.recv().await {
        let batch = batch?;
        match batch.holds() {
            Holds::Rows => insert(session, &batch).await?,
            Holds::Keys => remove(session, &batch).await?,
        }
    }
    settle(session).await?;
    match origin {
        Origin::Backup => drop(session.change("UPDATE store SET generation = 0", given![]).await?),
        Origin::Moved => drop(session.change("DELETE FROM store", given![]).await?),
        Origin::Looked => {}
    }
    Ok(session.run("COMMIT").await?)
}

async fn insert(session: &Session, batch: &Batch) -> Result<(), CopyError> {
    let table = batch.table()?;
    let sink = session.copy_in(&format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, table.column_list())).await?;
    let writer = BinaryCopyInWriter::new(sink, &types(table));
    pin_mut!(writer);
    // The writer takes a row at a time and waits in between, so the rows are laid out first.
    let mut rows: Vec<Vec<Held>> = Vec::with_capacity(usize::try_from(batch.rows()).unwrap_or(0));
    batch.each_row::<CopyError>(|row| {
        rows.push(row.iter().map(Held::of).collect());
        Ok(())
    })?;
    for row in &rows {
        let given: Vec<Given<'_>> = row.iter().map(Held::given).collect();
        let values: Vec<&(dyn ToSql + Sync)> = given.iter().map(|given| given as &(dyn ToSql + Sync)).collect();
        writer.as_mut().write(&values).await.map_err(Fault::from)?;
    }
    writer.finish().await.map_err(Fault::from)?;
    Ok(())
}

/// Removes the rows with these keys: what there is of them now follows.
async fn remove(session: &Session, batch: &Batch) -> Result<(), CopyError> {
    let table = batch.table()?;
    let mut keys: Vec<Vec<Held>> = table.key_columns().map(|_column| Vec::new()).collect();
    batch.each_row::<CopyError>(|row| {
        keys.iter_mut().zip(row).for_each(|(column, cell)| column.push(Held::of(cell)));
        Ok(())
    })?;
    let (mut lists, mut names, mut matches) = (Vec::new(), Vec::new(), Vec::new());
    for (at, column) in table.key_columns().enumerate() {
        let kind = match column.kind {
            Kind::Number => "bigint",
            Kind::Bytes => "bytea",
            Kind::Text => "text",
        };
        lists.push(format!("${}::{kind}[]", at + 1));
        names.push(format!("k{at}"));
        matches.push(format!("t.\"{}\" = k.k{at}", column.name));
    }
    let (lists, names, matches) = (lists.join(", "), names.join(", "), matches.join(" AND "));
    let sql = format!("DELETE FROM {} t USING unnest({lists}) AS k({names}) WHERE {matches}", table.name);
    let given = table.key_columns().zip(&keys).map(|(column, cells)| list(column.kind, cells)).collect();
    session.change(&sql, given).await?;
    Ok(())
}

fn list(kind: Kind, cells: &[Held]) -> Given<'_> {
    match kind {
        Kind::Number => {
            Given::Numbers(cells.iter().filter_map(|cell| if let Held::Number(number) = cell { Some(*number) } else { None }).collect())
        }
        Kind::Bytes => Given::AllBytes(
            cells.iter().filter_map(|cell| if let Held::Bytes(bytes) = cell { Some(bytes.as_slice()) } else { None }).collect(),
        ),
        Kind::Text => {
            Given::Texts(cells.iter().filter_map(|cell| if let Held::Text(text) = cell { Some(text.as_str()) } else { None }).collect())
        }
    }
}

/// A cell that is kept for a moment.
enum Held {
    Null,
    Number(i64),
    Bytes(Vec<u8>),
    Text(String),
}

impl Held {
    fn of(cell: &Cell<'_>) -> Self {
        match *cell {
            Cell::Null => Self::Null,
            Cell::Number(number) => Self::Number(number),
            Cell::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Cell::Text(text) => Self::Text(text.to_owned()),
        }
    }

    fn given(&self) -> Given<'_> {
        match self {
            Self::Null => Given::Null,
            Self::Number(number) => Given::Number(*number),
            Self::Bytes(bytes) => Given::Bytes(bytes),
            Self::Text(text) => Given::Text(text),
        }
    }
}

fn types(table: &Table) -> Vec<Type> {
    let of = |kind| match kind {
        Kind::Number => Type::INT8,
        Kind::Bytes => Type::BYTEA,
        Kind::Text => Type::TEXT,
    };
    table.columns.iter().map(|column| of(column.kind)).collect()
}

/// Orders of versions and events go on from the largest, and marks: whatever went before is known to no cache of the new
/// epoch, which begins here.
async fn settle(session: &Session) -> Result<(), CopyError> {
    for (table, column) in [("versions", "seq"), ("journal", "row")] {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), (SELECT coalesce(max(\"{column}\"), 0) + 1 FROM {table}), false)"
        );
        session.rows(&sql, given![]).await?;
    }
    let sql = "UPDATE counters SET value = greatest(value, (SELECT max(m) FROM (SELECT coalesce(max(mark), 0) AS m FROM entries
                 UNION ALL SELECT coalesce(max(mark), 0) FROM directories) marks)) WHERE name IN ('base', 'horizon')";
    session.change(sql, given![]).await?;
    session.change(super::schema::BEGIN_EPOCH, given![]).await?;
    Ok(())
}
