use super::failure::Failure;
use super::output::{Output, write};
use crate::client::{Client, ClientError};
use crate::domain::{Clock, SystemClock};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// Search the tenant's audit log, newest first.
    #[command(after_help = "Examples:\n  hozon audit search --demo ./hozon-demo --limit 10\n  \
        hozon audit search --endpoint https://s3.example --ca ca.pem --access-key HZ… --secret-key-file auditor.secret \\\n    \
        --patient 0001234 --verdict refused\n\nThe search itself is written to the log.")]
    Search(Box<Search>),
}

#[derive(Debug, Args)]
struct Search {
    #[command(flatten)]
    gateway: Gateway,
    /// Only what concerns this patient.
    #[arg(long)]
    patient: Option<String>,
    /// Only what this principal did, by short name.
    #[arg(long)]
    person: Option<String>,
    /// Only what concerns this bucket.
    #[arg(long)]
    bucket: Option<String>,
    /// Only what concerns the record with this key.
    #[arg(long)]
    key: Option<String>,
    /// Only this action, such as `read`.
    #[arg(long)]
    action: Option<String>,
    /// Only this verdict: allowed, refused or absent.
    #[arg(long)]
    verdict: Option<String>,
    /// Not before this RFC 3339 moment, such as 2027-04-01T00:00:00+09:00.
    #[arg(long, value_name = "MOMENT")]
    since: Option<String>,
    /// Before this RFC 3339 moment.
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
    /// Events at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Go on where an earlier page ended.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
}

/// Whom to ask, and as whom.
#[derive(Debug, Args)]
struct Gateway {
    /// Ask the demo in this directory, as its auditor.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["endpoint", "ca", "access_key", "secret_key_file"])]
    demo: Option<PathBuf>,
    /// With --demo: ask as another of its people.
    #[arg(long = "as", value_name = "PERSON", default_value = "auditor", requires = "demo")]
    person_of_demo: String,
    /// The gateway's S3 endpoint, such as https://s3.example.
    #[arg(long, value_name = "URL", required_unless_present = "demo")]
    endpoint: Option<String>,
    /// PEM file of the authority that the gateway's certificate comes from.
    #[arg(long, value_name = "FILE", required_unless_present = "demo")]
    ca: Option<PathBuf>,
    /// The region that requests are signed for.
    #[arg(long, default_value = "ap-northeast-1")]
    region: String,
    /// The auditor's access key.
    #[arg(long, value_name = "ID", required_unless_present = "demo")]
    access_key: Option<String>,
    /// File with the auditor's secret key; only its owner should be able to read it.
    #[arg(long, value_name = "FILE", required_unless_present = "demo")]
    secret_key_file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct DemoFile {
    endpoint: String,
    ca: PathBuf,
    region: String,
    people: BTreeMap<String, DemoPerson>,
}

#[derive(Deserialize)]
struct DemoPerson {
    access_key: String,
    secret_key: String,
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Value>,
    next: Option<u64>,
}

/// All but the characters that SigV4 leaves as they are.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let Asked::Search(search) = arguments.asked;
    let client = search.gateway.client()?;
    let path = search.path();
    let answer = client.send(Method::GET, &path, (&[], Bytes::new()), SystemClock.now()).await.map_err(unanswered)?;
    if answer.status != StatusCode::OK {
        let document: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let code = document.as_ref().and_then(|document| document.get("code")).and_then(Value::as_str).unwrap_or("no code");
        let text = format!("the gateway answered {} ({code})", answer.status);
        let title = document.as_ref().and_then(|document| document.get("title")).and_then(Value::as_str);
        return Err(match (answer.status, title) {
            (StatusCode::FORBIDDEN, _) => Failure::refused(text).advise("the caller needs the right `read-audit`, and a credential in use"),
            (status, Some(title)) if status.is_client_error() => Failure::refused(text).advise(title),
            (status, None) if status.is_client_error() => Failure::refused(text),
            _ => Failure::wrong(text).advise("see the gateway's log"),
        });
    }
    let page: Page = serde_json::from_slice(&answer.body).map_err(Failure::failed)?;
    match output {
        Output::Json => output.one(&serde_json::json!({ "events": page.events, "next": page.next }), "events"),
        Output::Table => {
            output.many(
                &page.events,
                &[
                    "at",
                    "verdict",
                    "reason",
                    "outcome.result",
                    "actor.name",
                    "operation",
                    "subject.bucket",
                    "subject.key",
                    "subject.patient",
                ],
            )?;
            match page.next {
                Some(next) => write(&format!("\nThere may be more: add --before {next}")),
                None => Ok(()),
            }
        }
    }
}

fn unanswered(error: ClientError) -> Failure {
    match error {
        ClientError::Unreachable { .. } | ClientError::TimedOut | ClientError::Http(_) => {
            Failure::unreachable(error).advise("is the gateway running there, and is --ca the authority of its certificate?")
        }
        error => Failure::failed(error),
    }
}

impl Search {
    /// The request's target, its query in the order of its names as the client wants it.
    fn path(&self) -> String {
        let (limit, before) = (Some(self.limit.to_string()), self.before.map(|before| before.to_string()));
        let parameters = [
            ("action", &self.action),
            ("before", &before),
            ("bucket", &self.bucket),
            ("key", &self.key),
            ("limit", &limit),
            ("patient", &self.patient),
            ("person", &self.person),
            ("since", &self.since),
            ("until", &self.until),
            ("verdict", &self.verdict),
        ];
        let given = parameters.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
        let query: Vec<String> = given.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY))).collect();
        format!("/-/v1/audit/events?{}", query.join("&"))
    }
}

impl Gateway {
    fn client(&self) -> Result<Client, Failure> {
        match (&self.demo, &self.endpoint, &self.ca, &self.access_key, &self.secret_key_file) {
            (Some(dir), ..) => self.demo_client(dir),
            (None, Some(endpoint), Some(ca), Some(access_key), Some(file)) => {
                let secret = Zeroizing::new(fs::read_to_string(file).map_err(|error| unreadable(file, error))?);
                let secret = Zeroizing::new(secret.trim_end().to_owned());
                Client::new(endpoint, ca, &self.region, (access_key.clone(), secret)).map_err(Failure::failed)
            }
            _ => Err(Failure::usage("give --demo, or --endpoint, --ca, --access-key and --secret-key-file")),
        }
    }

    fn demo_client(&self, dir: &Path) -> Result<Client, Failure> {
        let path = dir.join("demo.json");
        let text = Zeroizing::new(fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?);
        let mut demo: DemoFile = serde_json::from_str(&text).map_err(Failure::failed)?;
        let person = demo.people.remove(&self.person_of_demo).ok_or_else(|| {
            let names: Vec<&str> = demo.people.keys().map(String::as_str).collect();
            Failure::usage(format!("the demo has no `{}`", self.person_of_demo)).advise(format!("it has {}", names.join(", ")))
        })?;
        Client::new(&demo.endpoint, &demo.ca, &demo.region, (person.access_key, Zeroizing::new(person.secret_key))).map_err(Failure::failed)
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Failure {
    Failure::wrong(format!("cannot read {}: {error}", path.display()))
        .advise("a demo writes demo.json once it answers, and removes it when it stops")
}
