use super::failure::Failure;
use super::gateway::{Gateway, asked};
use super::output::{Output, write};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

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

#[derive(Deserialize)]
struct Page {
    events: Vec<Value>,
    next: Option<u64>,
}

/// All but the characters that SigV4 leaves as they are.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let Asked::Search(search) = arguments.asked;
    let client = search.gateway.client("auditor")?;
    let document = asked(&client, (Method::GET, &search.path()), Bytes::new(), "read-audit").await?;
    let page: Page = serde_json::from_value(document).map_err(Failure::failed)?;
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
