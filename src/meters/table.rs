/// In what a meter counts, where it is no plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// One row of the table of meters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meter {
    /// Its name, without the prefix `hozon_`, its unit and the suffixes of the format.
    pub name: &'static str,
    /// What it shows.
    pub help: &'static str,
    /// In what it counts.
    pub unit: Option<Measured>,
    /// Its labels.
    pub labels: &'static [&'static str],
}

impl Meter {
    /// Its name with its unit, as the page shows it after the prefix.
    #[must_use]
    pub fn family(&self) -> String {
        match self.unit {
            Some(Measured::Seconds) => format!("{}_seconds", self.name),
            Some(Measured::Bytes) => format!("{}_bytes", self.name),
            None => self.name.to_owned(),
        }
    }
}

const fn meter(name: &'static str, help: &'static str, unit: Option<Measured>, labels: &'static [&'static str]) -> Meter {
    Meter { name, help, unit, labels }
}

const SECONDS: Option<Measured> = Some(Measured::Seconds);
const BYTES_UNIT: Option<Measured> = Some(Measured::Bytes);

pub(super) const REQUESTS: Meter = meter("requests", "Answered requests, by operation and HTTP status", None, &["operation", "status"]);
pub(super) const REQUEST_TIME: Meter =
    meter("request_duration", "Time from a request's header to the last byte of its answer", SECONDS, &["operation"]);
pub(super) const IN_FLIGHT: Meter = meter("requests_in_flight", "Requests whose answer has not ended", None, &[]);
pub(super) const BYTES: Meter = meter("body", "Bytes of request and answer bodies", BYTES_UNIT, &["direction"]);
pub(super) const REFUSALS: Meter = meter("refusals", "Refused requests, by code", None, &["code"]);
pub(super) const CONNECTIONS: Meter = meter("connections", "Open connections to the data listener", None, &[]);
pub(super) const CONNECTION_ENDS: Meter = meter("connection_ends", "Ended connections, by reason", None, &["reason"]);
pub(super) const AUDIT_APPEND_TIME: Meter = meter("audit_append_duration", "Time until an audit event was durable", SECONDS, &[]);
pub(super) const OUTCOMES_LOST: Meter = meter("outcomes_lost", "Outcomes of accesses that could not be put on record", None, &[]);
pub(super) const CONDEMNED_BLOBS: Meter = meter("condemned_blobs", "Blobs that wait for their deletion", None, &[]);
pub(super) const DELETED_BLOBS: Meter = meter("deleted_blobs", "Blobs whose bytes were deleted", None, &[]);
pub(super) const SPARED_BLOBS: Meter =
    meter("spared_blobs", "Blobs found condemned though a row names them, which hozon never does: somebody wrote to the index", None, &[]);
pub(super) const COLLECTOR_HELD: Meter =
    meter("collector_held", "1 while nothing is collected, because the index is not the newest that the store has seen", None, &[]);
pub(super) const REPLICA_BEHIND: Meter =
    meter("replica_behind", "Bodies that this node has stored and the replica does not have yet", None, &[]);
pub(super) const REPLICA_FAILOVERS: Meter =
    meter("replica_failovers", "Reads that the replica answered, because the first store failed, was late or lacked the body", None, &[]);
pub(super) const REPLICA_ERRORS: Meter =
    meter("replica_errors", "Writes, copies, deletions and reads that failed at the replica", None, &[]);
pub(super) const DEPENDENCY_UP: Meter =
    meter("dependency_up", "1 while what the gateway needs answered when it was last asked: at each scrape", None, &["dependency"]);
pub(super) const SCRUB_READ: Meter = meter("scrub_read", "Stored bytes that the scrub has read and compared", BYTES_UNIT, &[]);
pub(super) const SCRUB_COVERAGE: Meter =
    meter("scrub_coverage", "Share of the stored bytes that the newest pass of the scrub has compared: 1 once it is full", None, &[]);
pub(super) const SCRUB_LAST_FULL: Meter = meter(
    "scrub_last_full_pass",
    "When the last full pass of the scrub ended, as time since 1970; 1 before the first, 0 where none is kept",
    SECONDS,
    &[],
);
pub(super) const SCRUB_FINDINGS: Meter =
    meter("scrub_findings", "Stored frames that the scrub found damaged, by kind of damage", None, &["damage"]);
pub(super) const SCRUB_REPAIRED: Meter = meter("scrub_repaired", "Damaged frames that were put back from the replica", None, &[]);
pub(super) const SCRUB_REPLICA_FINDINGS: Meter =
    meter("scrub_replica_findings", "Frames that the scrub found missing or damaged in the replica, by kind of damage", None, &["damage"]);
pub(super) const SCRUB_REPLICA_FILLED: Meter =
    meter("scrub_replica_filled", "Of these, frames that the scrub copied to the replica", None, &[]);
pub(super) const SCRUB_ORPHANS: Meter =
    meter("scrub_orphans", "Old blobs that the last full pass of the scrub found and nobody knows", None, &[]);
pub(super) const BACKUP_UNTIL: Meter = meter(
    "backup_until",
    "Up to when every change of the index is in the backup, as time since 1970; 1 before the first snapshot, 0 where none is kept",
    SECONDS,
    &[],
);
pub(super) const BACKUP_SNAPSHOT: Meter =
    meter("backup_snapshot", "Moment of the newest whole snapshot of the index, as time since 1970; 0 before the first", SECONDS, &[]);
pub(super) const BACKUP_FAILURES: Meter =
    meter("backup_failures", "Pieces of the backup that could not be written, and were tried again", None, &[]);
pub(super) const PANICS: Meter = meter("panics", "Handlers that stopped by a panic", None, &[]);

/// Every meter there is.
pub const TABLE: &[Meter] = &[
    REQUESTS,
    REQUEST_TIME,
    IN_FLIGHT,
    BYTES,
    REFUSALS,
    CONNECTIONS,
    CONNECTION_ENDS,
    AUDIT_APPEND_TIME,
    OUTCOMES_LOST,
    CONDEMNED_BLOBS,
    DELETED_BLOBS,
    SPARED_BLOBS,
    COLLECTOR_HELD,
    REPLICA_BEHIND,
    REPLICA_FAILOVERS,
    REPLICA_ERRORS,
    DEPENDENCY_UP,
    SCRUB_READ,
    SCRUB_COVERAGE,
    SCRUB_LAST_FULL,
    SCRUB_FINDINGS,
    SCRUB_REPAIRED,
    SCRUB_REPLICA_FINDINGS,
    SCRUB_REPLICA_FILLED,
    SCRUB_ORPHANS,
    BACKUP_UNTIL,
    BACKUP_SNAPSHOT,
    BACKUP_FAILURES,
    PANICS,
];
