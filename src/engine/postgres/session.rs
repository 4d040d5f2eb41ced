use super::fault::Fault;
use super::given::Given;
use crate::engine::EngineError;
use crate::engine::cells::{Cell, Columns};
use bytes::Bytes;
use deadpool_postgres::{ClientWrapper, Object};
use futures::TryStreamExt;
use std::time::Duration;
use tokio_postgres::types::Type;
use tokio_postgres::{CopyInSink, Row, RowStream, Statement};

/// Lets a transaction wait for who gives or takes its rows. Its connection is nobody else's, and a dead peer is noticed.
pub(super) const UNHURRIED: &str = "SET LOCAL idle_in_transaction_session_timeout = 0";

/// One connection, for one transaction or one question.
#[derive(Debug)]
pub(super) struct Session {
    client: Object,
    patience: Duration,
}

impl Columns for Row {
    fn cell(&self, at: usize) -> Option<Cell<'_>> {
        match *self.columns().get(at)?.type_() {
            Type::INT8 => self.try_get::<_, Option<i64>>(at).ok().map(|cell| cell.map_or(Cell::Null, Cell::Number)),
            Type::BYTEA => self.try_get::<_, Option<&[u8]>>(at).ok().map(|cell| cell.map_or(Cell::Null, Cell::Bytes)),
            Type::TEXT => self.try_get::<_, Option<&str>>(at).ok().map(|cell| cell.map_or(Cell::Null, Cell::Text)),
            _ => None,
        }
    }
}

impl Session {
    pub(super) const fn new(client: Object, patience: Duration) -> Self {
        Self { client, patience }
    }

    /// Statements, prepared once for a connection. What is sent together must be prepared before: the server takes
    /// statements in the order they come, and preparing one would let another overtake it.
    pub(super) async fn prepared<const N: usize>(&self, texts: [&str; N]) -> Result<[Statement; N], Fault> {
        let mut statements = Vec::with_capacity(N);
        for text in texts {
            statements.push(self.in_time(self.client.prepare_cached(text)).await?);
        }
        statements.try_into().map_err(|_| EngineError::Unavailable.into())
    }

    /// The rows that a prepared statement answers. It is on its way once this is first polled.
    pub(super) async fn send(&self, statement: &Statement, given: Vec<Given<'_>>) -> Result<Vec<Row>, Fault> {
        self.in_time(async { self.client.query_raw(statement, given).await?.try_collect().await }).await
    }

    /// The rows that a statement answers.
    pub(super) async fn rows(&self, sql: &str, given: Vec<Given<'_>>) -> Result<Vec<Row>, Fault> {
        let [statement] = self.prepared([sql]).await?;
        self.send(&statement, given).await
    }

    /// How many rows a statement changed.
    pub(super) async fn change(&self, sql: &str, given: Vec<Given<'_>>) -> Result<u64, Fault> {
        let [statement] = self.prepared([sql]).await?;
        self.in_time(async { self.client.execute_raw(&statement, given).await }).await
    }

    /// What `read` makes of each row.
    pub(super) async fn all<T>(
        &self,
        sql: &str,
        given: Vec<Given<'_>>,
        read: impl Fn(&dyn Columns) -> Result<T, EngineError> + Send,
    ) -> Result<Vec<T>, Fault> {
        let rows = self.rows(sql, given).await?;
        rows.iter().map(|row| read(row)).collect::<Result<_, _>>().map_err(Fault::Engine)
    }

    /// What `read` makes of the first row.
    pub(super) async fn one<T>(
        &self,
        sql: &str,
        given: Vec<Given<'_>>,
        read: impl FnOnce(&dyn Columns) -> Result<T, EngineError> + Send,
    ) -> Result<Option<T>, Fault> {
        let rows = self.rows(sql, given).await?;
        rows.first().map(|row| read(row)).transpose().map_err(Fault::Engine)
    }

    /// Whether there is any row.
    pub(super) async fn exists(&self, sql: &str, given: Vec<Given<'_>>) -> Result<bool, Fault> {
        Ok(!self.rows(sql, given).await?.is_empty())
    }

    /// The rows of a long answer, one by one. However long it takes, it is not given up.
    pub(super) async fn stream(&self, sql: &str) -> Result<RowStream, Fault> {
        let none: [Given<'_>; 0] = [];
        Ok(self.client.query_raw(sql, none).await?)
    }

    /// Begins to take rows in.
    pub(super) async fn copy_in(&self, sql: &str) -> Result<CopyInSink<Bytes>, Fault> {
        Ok(self.client.copy_in(sql).await?)
    }

    /// Runs statements that answer nothing.
    pub(super) async fn run(&self, sql: &str) -> Result<(), Fault> {
        self.in_time(self.client.batch_execute(sql)).await
    }

    /// A session whose connection ends with it unless it is [kept](Alone::keep): whoever asks for more than one thing in one
    /// transaction may be given up in the middle of it, and nobody else must then find that transaction open.
    pub(super) const fn alone(self) -> Alone {
        Alone(Some(self))
    }

    /// Ends the connection: whatever was under way on it is undone by the server.
    pub(super) fn close(self) {
        drop::<ClientWrapper>(Object::take(self.client));
    }

    /// A server that does not answer in time is one that is not there. The connection must then not be used again.
    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Fault> {
        match tokio::time::timeout(self.patience, asked).await {
            Ok(answered) => Ok(answered?),
            Err(_late) => Err(Fault::Lost),
        }
    }
}

/// A session that is good for nobody else.
#[derive(Debug)]
pub(super) struct Alone(Option<Session>);

impl Alone {
    /// The session.
    pub(super) fn get(&self) -> Result<&Session, EngineError> {
        self.0.as_ref().ok_or(EngineError::Unavailable)
    }

    /// Gives the connection back to the pool: nothing is under way on it.
    pub(super) fn keep(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.close();
        }
    }
}
