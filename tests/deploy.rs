//! What `deploy/` gives out, checked as far as a machine without a container engine can: names, paths, settings, and
//! with the programs at hand the unit, the alerts, the balancer and the certificates in use.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot set up may stop")]

#[path = "deploy/cluster.rs"]
mod cluster;
#[path = "deploy/container.rs"]
mod container;
#[path = "deploy/promql.rs"]
mod promql;
#[path = "deploy/shown.rs"]
mod shown;
#[path = "deploy/unit.rs"]
mod unit;
#[path = "deploy/yaml.rs"]
mod yaml;

use serde_json::Value;
use shown::Shown;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use yaml::{document, entries, text};

const ALERTS: &str = "deploy/prometheus/hozon-alerts.yaml";
const ALERT_TESTS: &str = "tests/deploy/alerts.yaml";
const DASHBOARD: &str = "deploy/grafana/hozon.json";

/// What a command said, which must have ended well.
fn ran(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}:\n{said}");
    said
}

/// The anchors of a document's headings, as they are made from them.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = document.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn every_alert_asks_for_what_there_is_and_says_what_to_do() {
    let rules = document(Path::new(ALERTS));
    let shown = Shown::by_a_gateway();
    let tried = fs::read_to_string(ALERT_TESTS).unwrap();
    let runbook = fs::read_to_string("docs/OPERATIONS.md").unwrap();
    let headings = anchors(&runbook);
    let mut names = BTreeSet::new();
    for rule in rules["groups"].as_vec().unwrap().iter().flat_map(|group| group["rules"].as_vec().unwrap()) {
        let name = text(&rule["alert"]);
        assert!(name.starts_with("Hozon") && names.insert(name.to_owned()), "{name} is named twice, or not after hozon");
        assert_eq!(shown.wrong_in(text(&rule["expr"])), Vec::<String>::new(), "{name}");
        assert!(["critical", "warning"].contains(&text(&rule["labels"]["severity"])), "{name}");
        assert!(text(&rule["annotations"]["summary"]).len() > 20, "{name}");
        let (document, anchor) = text(&rule["annotations"]["runbook"]).split_once('#').unwrap();
        assert_eq!((document, anchor), ("docs/OPERATIONS.md", name.to_lowercase().as_str()), "{name}");
        assert!(headings.contains(anchor), "{name}: docs/OPERATIONS.md has no heading {anchor}");
        assert!(tried.contains(&format!("alertname=\"{name}\"")), "{name} is not tried in {ALERT_TESTS}");
    }
    // A heading whose alert has gone helps nobody.
    let described: BTreeSet<String> =
        runbook.lines().filter_map(|line| line.strip_prefix("### Hozon")).map(|rest| format!("Hozon{rest}")).collect();
    assert_eq!(described, names);
}

#[test]
fn the_scrape_configuration_is_the_one_that_alerts_expect() {
    let prometheus = document(Path::new("deploy/prometheus/prometheus.yaml"));
    let rules = prometheus["rule_files"][0].as_str().unwrap();
    assert!(Path::new("deploy/prometheus").join(rules).is_file());
    assert_eq!(text(&prometheus["scrape_configs"][0]["job_name"]), "hozon");
}

#[test]
fn every_panel_shows_what_there_is_and_all_of_it() {
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    let shown = Shown::by_a_gateway();
    let (mut ids, mut places, mut expressions) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let known: Vec<&str> =
        dashboard["templating"]["list"].as_array().unwrap().iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(known, ["datasource", "instance"]);
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id stands twice");
        let of = |edge: &str| panel["gridPos"][edge].as_u64().unwrap();
        for x in of("x")..of("x") + of("w") {
            for y in of("y")..of("y") + of("h") {
                assert!(x < 24 && places.insert((x, y)), "{title} lies over another panel");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title} says what it shows");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has a unit");
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert_eq!(shown.wrong_in(expression), Vec::<String>::new(), "{title}: {expression}");
            assert!(expression.contains("instance=~\"$instance\""), "{title} does not follow the choice of a gateway");
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            expressions.push(expression.to_owned());
        }
    }
    assert_eq!(Shown::unused(expressions.iter().map(String::as_str)), Vec::<String>::new(), "metrics without a panel");
    let choice = &dashboard["templating"]["list"][1]["query"]["query"];
    let of_a_series = choice.as_str().unwrap().strip_prefix("label_values(").unwrap().split(',').next().unwrap();
    assert_eq!(shown.wrong_in(of_a_series), Vec::<String>::new());
}

#[test]
#[ignore = "needs promtool"]
fn every_alert_fires_where_it_should_and_alone() {
    ran(Command::new("promtool").args(["check", "rules", ALERTS]));
    ran(Command::new("promtool").args(["check", "config", "deploy/prometheus/prometheus.yaml"]));
    let said = ran(Command::new("promtool").args(["test", "rules", ALERT_TESTS]));
    assert!(said.contains("SUCCESS"), "{said}");
}

#[test]
fn every_file_here_is_named_in_the_readme_or_by_another() {
    let readme = fs::read_to_string("deploy/README.md").unwrap();
    let compose = document(Path::new("deploy/compose/compose.yaml"));
    let mounted: Vec<&str> = entries(&compose["services"]).flat_map(|(_, service)| yaml::texts(&service["volumes"])).collect();
    for entry in walkdir::WalkDir::new("deploy").into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file()) {
        let name = entry.file_name().to_str().unwrap();
        let is_made = ["secrets", "data"].iter().any(|made| entry.path().starts_with(Path::new("deploy/compose").join(made)));
        let is_named = readme.contains(name) || mounted.iter().any(|mount| mount.contains(name));
        assert!(is_made || is_named || name == ".gitignore" || name == "README.md", "{} is of no use", entry.path().display());
    }
}
