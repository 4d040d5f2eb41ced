use crate::engine::EngineError;
use tokio_postgres::error::SqlState;

/// Why a statement, or the transaction around it, failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing of the transaction is there, and it is worth another try: somebody else was in its way.
    Again,
    /// The connection is gone.
    Lost,
    /// It failed for good.
    Engine(EngineError),
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(state) = error.code() else {
            // What is not the server's word is the connection's, or a value that did not fit its column.
            return if error.is_closed() || is_of_the_wire(&error) {
                Self::Lost
            } else {
                Self::Engine(EngineError::Failed(Box::new(error)))
            };
        };
        match *state {
            // Nothing has happened in either case.
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED | SqlState::LOCK_NOT_AVAILABLE => Self::Again,
            SqlState::DISK_FULL => Self::Engine(EngineError::Full),
            SqlState::TOO_MANY_CONNECTIONS
            | SqlState::OUT_OF_MEMORY
            | SqlState::INSUFFICIENT_RESOURCES
            | SqlState::CONFIGURATION_LIMIT_EXCEEDED
            | SqlState::QUERY_CANCELED => Self::Engine(EngineError::Busy),
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Lost,
            // The node that we reach is a standby now.
            SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::IO_ERROR => Self::Lost,
            _ if state.code().starts_with("08") => Self::Lost,
            _ => Self::Engine(EngineError::Failed(Box::new(error))),
        }
    }
}

fn is_of_the_wire(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}
