//! Every metric of the gateway, in one table.
//!
//! Labels take their values from closed sets in the code, never from a caller: no name of a patient, a record,
//! a bucket or a tenant becomes a label. Way in: [`Meters`].

mod table;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

pub use table::{Measured, Meter, TABLE};

/// What an answer tells the meters about itself: put into its extensions by whoever understood the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// The operation as the protocol calls it, such as `GetObject`.
    pub operation: &'static str,
    /// The refusal's code, such as `AccessDenied`, where it is one.
    pub refusal: Option<&'static str>,
}

/// Which way bytes went, seen from the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a client.
    In,
    /// To a client.
    Out,
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// By either side, in order.
    Closed,
    /// No request came for too long.
    Idle,
    /// A request's header took too long.
    SlowHeader,
    /// TLS could not be agreed on, or took too long.
    Handshake,
    /// The connection broke, or the peer broke the protocol.
    Failed,
    /// The gateway stopped and could not wait any longer.
    Aborted,
}

impl ConnectionEnd {
    const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Idle => "idle",
            Self::SlowHeader => "slow-header",
            Self::Handshake => "handshake",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DirectionLabels {
    direction: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DependencyLabels {
    dependency: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DamageLabels {
    damage: &'static str,
}

/// The meters of one gateway. Cheap to feed from many tasks.
pub struct Meters {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_time: Family<OperationLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    bytes: Family<DirectionLabels, Counter>,
    refusals: Family<CodeLabels, Counter>,
    connections: Gauge,
    connection_ends: Family<ReasonLabels, Counter>,
    audit_append_time: Histogram,
    outcomes_lost: Counter,
    condemned_blobs: Gauge,
    deleted_blobs: Counter,
    spared_blobs: Counter,
    collector_held: Gauge,
    replica_behind: Gauge,
    replica_failovers: Counter,
    replica_errors: Counter,
    dependency_up: Family<DependencyLabels, Gauge>,
    scrub_read: Counter,
    scrub_coverage: Gauge<f64, AtomicU64>,
    scrub_last_full: Gauge,
    scrub_findings: Family<DamageLabels, Counter>,
    scrub_repaired: Counter,
    scrub_replica_findings: Family<DamageLabels, Counter>,
    scrub_replica_filled: Counter,
    scrub_orphans: Gauge,
    backup_until: Gauge,
    backup_snapshot: Gauge,
    backup_failures: Counter,
    panics: Counter,
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters")
    }
}

impl Default for Meters {
    fn default() -> Self {
        Self::new()
    }
}

impl Meters {
    /// All meters, at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hozon");
        let times: Family<OperationLabels, Histogram, fn() -> Histogram> = Family::new_with_constructor(time_histogram);
        Self {
            requests: enter(&mut registry, &table::REQUESTS, Family::default()),
            request_time: enter(&mut registry, &table::REQUEST_TIME, times),
            in_flight: enter(&mut registry, &table::IN_FLIGHT, Gauge::default()),
            bytes: enter(&mut registry, &table::BYTES, Family::default()),
            refusals: enter(&mut registry, &table::REFUSALS, Family::default()),
            connections: enter(&mut registry, &table::CONNECTIONS, Gauge::default()),
            connection_ends: enter(&mut registry, &table::CONNECTION_ENDS, Family::default()),
            audit_append_time: enter(&mut registry, &table::AUDIT_APPEND_TIME, time_histogram()),
            outcomes_lost: enter(&mut registry, &table::OUTCOMES_LOST, Counter::default()),
            condemned_blobs: enter(&mut registry, &table::CONDEMNED_BLOBS, Gauge::default()),
            deleted_blobs: enter(&mut registry, &table::DELETED_BLOBS, Counter::default()),
            spared_blobs: enter(&mut registry, &table::SPARED_BLOBS, Counter::default()),
            collector_held: enter(&mut registry, &table::COLLECTOR_HELD, Gauge::default()),
            replica_behind: enter(&mut registry, &table::REPLICA_BEHIND, Gauge::default()),
            replica_failovers: enter(&mut registry, &table::REPLICA_FAILOVERS, Counter::default()),
            replica_errors: enter(&mut registry, &table::REPLICA_ERRORS, Counter::default()),
            dependency_up: enter(&mut registry, &table::DEPENDENCY_UP, Family::default()),
            scrub_read: enter(&mut registry, &table::SCRUB_READ, Counter::default()),
            scrub_coverage: enter(&mut registry, &table::SCRUB_COVERAGE, Gauge::default()),
            scrub_last_full: enter(&mut registry, &table::SCRUB_LAST_FULL, Gauge::default()),
            scrub_findings: enter(&mut registry, &table::SCRUB_FINDINGS, Family::default()),
            scrub_repaired: enter(&mut registry, &table::SCRUB_REPAIRED, Counter::default()),
            scrub_replica_findings: enter(&mut registry, &table::SCRUB_REPLICA_FINDINGS, Family::default()),
            scrub_replica_filled: enter(&mut registry, &table::SCRUB_REPLICA_FILLED, Counter::default()),
            scrub_orphans: enter(&mut registry, &table::SCRUB_ORPHANS, Gauge::default()),
            backup_until: enter(&mut registry, &table::BACKUP_UNTIL, Gauge::default()),
            backup_snapshot: enter(&mut registry, &table::BACKUP_SNAPSHOT, Gauge::default()),
            backup_failures: enter(&mut registry, &table::BACKUP_FAILURES, Counter::default()),
            panics: enter(&mut registry, &table::PANICS, Counter::default()),
            registry,
        }
    }

    /// Counts an answered request, when its last byte has left or it was given up.
    pub fn request_ended(&self, observed: Observed, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { operation: observed.operation, status }).inc();
        self.request_time.get_or_create(&OperationLabels { operation: observed.operation }).observe(took.as_secs_f64());
        if let Some(code) = observed.refusal {
            self.refusals.get_or_create(&CodeLabels { code }).inc();
        }
    }

    /// Counts a request as in flight until the guard is dropped.
    pub fn request_begun(&self) -> Running {
        Running::one(&self.in_flight)
    }

    /// Counts bytes of bodies.
    pub fn bytes(&self, direction: Direction, count: usize) {
        let direction = match direction {
            Direction::In => "in",
            Direction::Out => "out",
        };
        self.bytes.get_or_create(&DirectionLabels { direction }).inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Counts a connection as open until the guard is dropped.
    pub fn connection_opened(&self) -> Running {
        Running::one(&self.connections)
    }

    /// Counts why a connection ended.
    pub fn connection_ended(&self, end: ConnectionEnd) {
        self.connection_ends.get_or_create(&ReasonLabels { reason: end.name() }).inc();
    }

    /// Counts how long an audit event took to become durable.
    pub fn audit_appended(&self, took: Duration) {
        self.audit_append_time.observe(took.as_secs_f64());
    }

    /// Counts an outcome of an access that could not be put on record.
    pub fn outcome_lost(&self) {
        self.outcomes_lost.inc();
    }

    /// Shows how many blobs wait for their deletion.
    pub fn condemned_blobs(&self, waiting: u64) {
        self.condemned_blobs.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Counts blobs whose bytes were deleted.
    pub fn blobs_deleted(&self, count: u64) {
        self.deleted_blobs.inc_by(count);
    }

    /// Counts blobs that stay though they were condemned.
    pub fn blobs_spared(&self, count: u64) {
        self.spared_blobs.inc_by(count);
    }

    /// Shows that nothing is collected until an operator has looked at index and store.
    pub fn collector_held(&self) {
        self.collector_held.set(1);
    }

    /// Shows that the collector may do its work.
    pub fn collector_free(&self) {
        self.collector_held.set(0);
    }

    /// Shows how many bodies wait to be copied to the replica.
    pub fn replica_behind(&self, waiting: usize) {
        self.replica_behind.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Counts a read that the replica answered in the first store's place.
    pub fn replica_failover(&self) {
        self.replica_failovers.inc();
    }

    /// Counts what failed at the replica.
    pub fn replica_error(&self) {
        self.replica_errors.inc();
    }

    /// Shows that something that the gateway needs has answered.
    pub fn dependency_up(&self, dependency: &'static str) {
        self.dependency_up.get_or_create(&DependencyLabels { dependency }).set(1);
    }

    /// Shows that something that the gateway needs does not do its work.
    pub fn dependency_down(&self, dependency: &'static str) {
        self.dependency_up.get_or_create(&DependencyLabels { dependency }).set(0);
    }

    /// Counts stored bytes that were read to be compared.
    pub fn scrub_read(&self, bytes: u64) {
        self.scrub_read.inc_by(bytes);
    }

    /// Counts a stored frame that is damaged; `damage` is one of a closed set. One of none makes its line known.
    pub fn scrub_found(&self, damage: &'static str, count: u64) {
        self.scrub_findings.get_or_create(&DamageLabels { damage }).inc_by(count);
    }

    /// Counts a damaged frame that was put back.
    pub fn scrub_repaired(&self) {
        self.scrub_repaired.inc();
    }

    /// Counts frames that the replica lacks or has otherwise; `damage` is one of a closed set. None makes its line known.
    pub fn scrub_replica_found(&self, damage: &'static str, count: u64) {
        self.scrub_replica_findings.get_or_create(&DamageLabels { damage }).inc_by(count);
    }

    /// Counts a frame that the scrub copied to the replica.
    pub fn scrub_replica_filled(&self) {
        self.scrub_replica_filled.inc();
    }

    /// Shows how far the newest pass is, when the last full one ended, in seconds since 1970, and how many orphans it found.
    pub fn scrub_stands(&self, coverage: f64, last_full: i64, orphans: u64) {
        self.scrub_coverage.set(coverage);
        self.scrub_last_full.set(last_full);
        self.scrub_orphans.set(i64::try_from(orphans).unwrap_or(i64::MAX));
    }

    /// Up to when every change of the index is in the backup, and when its newest snapshot was made, in seconds since 1970.
    pub fn backup_stands(&self, until: i64, snapshot: i64) {
        self.backup_until.set(until);
        self.backup_snapshot.set(snapshot);
    }

    /// A piece of the backup could not be written.
    pub fn backup_failed(&self) {
        self.backup_failures.inc();
    }

    /// Counts a handler that panicked; its caller got an internal error.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// All meters in the OpenMetrics text format that Prometheus reads.
    ///
    /// # Errors
    /// [`fmt::Error`] when a meter cannot be written as text.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

/// Something that counts in a gauge for as long as this value lives.
#[derive(Debug)]
#[must_use = "the gauge falls again when this is dropped"]
pub struct Running(Gauge);

impl Running {
    fn one(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// From a millisecond to two minutes.
fn time_histogram() -> Histogram {
    Histogram::new([0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0])
}

fn enter<M: Metric + Clone>(registry: &mut Registry, meter: &Meter, metric: M) -> M {
    match meter.unit {
        Some(Measured::Seconds) => registry.register_with_unit(meter.name, meter.help, Unit::Seconds, metric.clone()),
        Some(Measured::Bytes) => registry.register_with_unit(meter.name, meter.help, Unit::Bytes, metric.clone()),
        None => registry.register(meter.name, meter.help, metric.clone()),
    }
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed() -> Meters {
        let meters = Meters::new();
        meters.request_ended(Observed { operation: "GetObject", refusal: Some("AccessDenied") }, 403, Duration::from_millis(3));
        meters.bytes(Direction::In, 10);
        meters.connection_ended(ConnectionEnd::Idle);
        meters.audit_appended(Duration::from_millis(1));
        meters.outcome_lost();
        meters.condemned_blobs(1);
        meters.blobs_deleted(1);
        meters.blobs_spared(1);
        meters.collector_held();
        meters.replica_behind(1);
        meters.replica_failover();
        meters.replica_error();
        meters.dependency_up("index");
        meters.scrub_read(1);
        meters.scrub_found("missing", 1);
        meters.scrub_repaired();
        meters.scrub_replica_found("missing", 1);
        meters.scrub_replica_filled();
        meters.scrub_stands(0.5, 1, 1);
        meters.backup_stands(1, 1);
        meters.backup_failed();
        meters.panicked();
        meters
    }

    #[test]
    fn the_page_shows_each_meter_of_the_table_and_no_other() {
        let page = fed().render().unwrap();
        let mut shown: Vec<&str> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE hozon_")).filter_map(|line| line.split(' ').next()).collect();
        let mut told: Vec<String> = TABLE.iter().map(|meter| meter.family()).collect();
        shown.sort_unstable();
        told.sort_unstable();
        assert_eq!(shown, told);
        for meter in TABLE {
            for label in meter.labels {
                assert!(page.lines().any(|l| l.starts_with(&format!("hozon_{}", meter.family())) && l.contains(&format!("{label}=\""))));
            }
        }
    }

    #[test]
    fn a_request_is_in_flight_until_its_guard_goes() {
        let meters = Meters::new();
        let running = meters.request_begun();
        assert!(meters.render().unwrap().contains("hozon_requests_in_flight 1\n"));
        drop(running);
        assert!(meters.render().unwrap().contains("hozon_requests_in_flight 0\n"));
    }
}
