use std::path::PathBuf;
use std::time::Duration;

/// How the PostgreSQL engine is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresSettings {
    /// Hosts and ports, tried in order until one takes writes. A host that begins with `/` is the directory of a socket.
    pub hosts: Vec<(String, u16)>,
    /// The database, which must exist.
    pub database: String,
    /// The schema in it that holds all tables; made if it is not there. Lower-case letters, digits and `_`.
    pub schema: String,
    /// Who connects.
    pub user: String,
    /// A file with the password, which only its owner may open; none where the server asks for none.
    pub password_file: Option<PathBuf>,
    /// How the connection is protected.
    pub tls: PostgresTls,
    /// The most connections at a time.
    pub connections_max: usize,
    /// How long making a connection may take.
    pub connect_time_max: Duration,
    /// How long one statement may take, the wait for a free connection as much again.
    pub answer_time_max: Duration,
}

/// How a connection to PostgreSQL is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostgresTls {
    /// TLS, and the server's certificate must come from one of these authorities.
    Verified {
        /// A file with their certificates (PEM).
        ca: PathBuf,
    },
    /// None: for a server on this machine.
    Off,
}
