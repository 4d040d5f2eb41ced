//! What Prometheus can know of a gateway: every series that `/metrics` may show, and the values that its labels take.

use crate::promql::Named;
use hozon::meters::{ConnectionEnd, Direction, Meters, Observed, TABLE};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

/// Labels that Prometheus itself puts on every series.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

/// Series by name, with the labels of each.
pub(crate) struct Shown(BTreeMap<String, BTreeSet<String>>);

impl Shown {
    /// By the page of a gateway on which everything has happened once: a family without a series is not on it.
    pub(crate) fn by_a_gateway() -> Self {
        let meters = Meters::new();
        meters.request_ended(Observed { operation: "GetObject", refusal: Some("AccessDenied") }, 403, Duration::ZERO);
        meters.bytes(Direction::In, 1);
        meters.connection_ended(ConnectionEnd::Idle);
        meters.dependency_up("index");
        meters.scrub_found("missing", 1);
        meters.scrub_replica_found("missing", 1);
        let page = meters.render().unwrap();
        let mut series = BTreeMap::from([("up".to_owned(), labels(&[]))]);
        for meter in TABLE {
            let family = format!("hozon_{}", meter.family());
            let kind = page.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {family} ")));
            let labels = labels(meter.labels);
            match kind.unwrap_or_else(|| panic!("{family} is not on the page:\n{page}")) {
                "gauge" => drop(series.insert(family, labels)),
                "counter" => drop(series.insert(format!("{family}_total"), labels)),
                "histogram" => {
                    let mut by_bound = labels.clone();
                    by_bound.insert("le".to_owned());
                    series.insert(format!("{family}_bucket"), by_bound);
                    series.extend(["sum", "count"].map(|part| (format!("{family}_{part}"), labels.clone())));
                }
                other => panic!("{family} is of a kind that Prometheus shows in another way: {other}"),
            }
        }
        // What the page shows and what is derived from the table is the same.
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(series.contains_key(name), "{line}");
        }
        Self(series)
    }

    /// What is wrong with the names in `expression`.
    pub(crate) fn wrong_in(&self, expression: &str) -> Vec<String> {
        let named = Named::of(expression);
        let mut wrong = Vec::new();
        for metric in &named.metrics {
            if !self.0.contains_key(metric) {
                wrong.push(format!("there is no {metric}"));
            }
        }
        for (metric, label) in &named.selected {
            if self.0.get(metric).is_none_or(|labels| !labels.contains(label)) {
                wrong.push(format!("{metric} has no label {label}"));
            }
        }
        for label in &named.grouped {
            if !named.metrics.iter().all(|metric| self.0.get(metric).is_some_and(|labels| labels.contains(label))) {
                wrong.push(format!("not all of {:?} have the label {label}", named.metrics));
            }
        }
        let unknown = named.values.iter().filter(|(label, value)| !is_value(label, value));
        wrong.extend(unknown.map(|(label, value)| format!("{label} is never {value}")));
        if named.metrics.is_empty() {
            wrong.push("it asks for nothing".to_owned());
        }
        wrong
    }

    /// The families of the table that none of `expressions` uses.
    pub(crate) fn unused<'a>(expressions: impl Iterator<Item = &'a str>) -> Vec<String> {
        let used: BTreeSet<String> = expressions.flat_map(|expression| Named::of(expression).metrics).collect();
        let families = TABLE.iter().map(|meter| format!("hozon_{}", meter.family()));
        families.filter(|family| !used.iter().any(|metric| metric.starts_with(family.as_str()))).collect()
    }
}

fn labels(own: &[&str]) -> BTreeSet<String> {
    own.iter().chain(&OF_PROMETHEUS).map(ToString::to_string).collect()
}

/// Whether a label ever takes a value: the values are closed sets in the sources.
fn is_value(label: &str, value: &str) -> bool {
    let sources: &[&str] = match label {
        "job" => return value == "hozon",
        "code" => &["src/s3/fault.rs", "src/listener/refusal.rs"],
        "reason" | "direction" => &["src/meters.rs"],
        "operation" => &["src/s3/operations.rs"],
        "dependency" => &["src/admin/health.rs"],
        "damage" => &["src/upkeep/scrub/report.rs"],
        _ => return false,
    };
    sources.iter().any(|source| fs::read_to_string(source).unwrap().contains(&format!("\"{value}\"")))
}

#[test]
fn what_no_gateway_shows_is_found() {
    let shown = Shown::by_a_gateway();
    for right in [
        "up{job=\"hozon\"} == 0",
        "sum by (instance, operation) (rate(hozon_requests_total{status=~\"$status\"}[5m]))",
        "histogram_quantile(0.99, sum by (le) (rate(hozon_request_duration_seconds_bucket{operation=\"GetObject\"}[5m])))",
        "hozon_refusals_total{code=\"RequestHeaderSectionTooLarge\"}",
    ] {
        assert_eq!(shown.wrong_in(right), Vec::<String>::new(), "{right}");
    }
    for (wrong, says) in [
        ("hozon_requests", "there is no hozon_requests"),
        ("rate(hozon_request_duration_seconds[5m])", "there is no hozon_request_duration_seconds"),
        ("hozon_connections{operation=\"GetObject\"}", "hozon_connections has no label operation"),
        ("sum by (tenant) (hozon_connections)", "have the label tenant"),
        ("sum by (le) (hozon_body_bytes_total)", "have the label le"),
        ("hozon_refusals_total{code=\"Denied\"}", "code is never Denied"),
        ("hozon_refusals_total{code=~\"AccessDenied|Denied\"}", "code is never Denied"),
        ("up{job=\"other\"}", "job is never other"),
        ("vector(0)", "it asks for nothing"),
    ] {
        assert!(shown.wrong_in(wrong).iter().any(|found| found.contains(says)), "{wrong}: {:?}", shown.wrong_in(wrong));
    }
}
