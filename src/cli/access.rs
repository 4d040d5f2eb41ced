use super::failure::Failure;
use super::gateway::{Gateway, asked};
use super::output::Output;
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// Say whether somebody may do something, which policies say so, and why not.
    #[command(after_help = "Example:\n  hozon access explain --demo ./hozon-demo \\\n    \
        --who nurse --action read --object karte/patients/0001234/letters/referral.pdf")]
    Explain(Box<Explain>),
    /// Show what everybody may do with which kind of record.
    Review(Box<Plain>),
    /// Show everybody of the tenant.
    People(Box<Plain>),
    /// Give somebody else a credential. Its secret is shown once.
    Credential(Box<Credential>),
    /// Shut somebody out at once.
    Disable(Box<Named>),
    /// Show every policy that holds for the tenant.
    Policies(Box<Plain>),
    /// Show changes of access that somebody asked for, newest first.
    Changes(Box<Plain>),
    /// Ask for a change of access, which another person decides.
    #[command(after_help = "The file holds one of:\n  \
        {\"is\": \"care\", \"limit\": \"nobody\" | \"known\" | \"everybody\"}\n  \
        {\"is\": \"policy\", \"name\": \"night\", \"text\": \"@id(\\\"night\\\") forbid (…) when {…};\"}\n  \
        {\"is\": \"provider\", \"issuer\": \"https://…\", \"audiences\": [\"hozon\"], \"grants\": [{\"bucket\": \"karte\", \"rights\": [\"read\"]}]}\n  \
        {\"is\": \"revocation\", \"principal\": \"sato\", \"before\": 1767225600000000}")]
    Request(Box<Request>),
    /// Approve a change that somebody else asked for.
    Approve(Box<Decide>),
    /// Reject a change that somebody else asked for.
    Reject(Box<Decide>),
}

#[derive(Debug, Args)]
struct Plain {
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(Debug, Args)]
struct Explain {
    #[command(flatten)]
    gateway: Gateway,
    /// Whom: a principal of the tenant, by short name.
    #[arg(long, value_name = "NAME")]
    who: String,
    /// What: read, list, write-draft, finalize, amend, delete-draft or manage-bucket.
    #[arg(long, value_name = "ACTION")]
    action: String,
    /// To what: a bucket, or BUCKET/KEY.
    #[arg(long, value_name = "BUCKET[/KEY]")]
    object: String,
}

#[derive(Debug, Args)]
struct Request {
    #[command(flatten)]
    gateway: Gateway,
    /// JSON file with what is to hold.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Why.
    #[arg(long, default_value = "")]
    why: String,
}

#[derive(Debug, Args)]
struct Named {
    #[command(flatten)]
    gateway: Gateway,
    /// Whom, by short name.
    name: String,
}

#[derive(Debug, Args)]
struct Credential {
    #[command(flatten)]
    gateway: Gateway,
    /// Whom, by short name.
    name: String,
    /// How long it lasts; a day for a person, for ever for an app or device, where nothing is said.
    #[arg(long)]
    seconds: Option<u32>,
}

#[derive(Debug, Args)]
struct Decide {
    #[command(flatten)]
    gateway: Gateway,
    /// The change, by its id.
    id: String,
}

const RIGHT: &str = "manage-policy";

pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    match arguments.asked {
        Asked::Explain(explain) => {
            let (bucket, key) = explain.object.split_once('/').map_or((explain.object.as_str(), None), |(bucket, key)| (bucket, Some(key)));
            let question = json!({ "who": explain.who, "action": explain.action, "bucket": bucket, "key": key });
            let answer = posted(&explain.gateway, "/-/v1/access/explain", &question).await?;
            match output {
                Output::Table => output.one(&flat(&answer), "allowed"),
                Output::Json => output.one(&answer, "allowed"),
            }
        }
        Asked::Review(plain) => {
            let rows = listed(&plain.gateway, "/-/v1/access/review", "rows").await?;
            output.many(&rows, &["principal", "kind", "job_types", "bucket", "class", "rights"])
        }
        Asked::People(plain) => {
            let people = listed(&plain.gateway, "/-/v1/people", "people").await?;
            output.many(&people, &["name", "kind", "standing", "profile.job_types", "profile.grants", "created"])
        }
        Asked::Credential(wish) => {
            let path = format!("/-/v1/people/{}/credentials", named(&wish.name)?);
            let document = wish.seconds.map_or_else(|| json!({}), |seconds| json!({ "seconds": seconds }));
            output.one(&posted(&wish.gateway, &path, &document).await?, "access_key")
        }
        Asked::Disable(whom) => {
            let path = format!("/-/v1/people/{}/disable", named(&whom.name)?);
            output.one(&posted(&whom.gateway, &path, &json!({})).await?, "disabled")
        }
        Asked::Policies(plain) => {
            let policies = listed(&plain.gateway, "/-/v1/access/policies", "policies").await?;
            output.many(&policies, &["id", "file", "guideline"])
        }
        Asked::Changes(plain) => {
            let changes = listed(&plain.gateway, "/-/v1/access/changes", "changes").await?;
            output.many(&changes, &["id", "at", "wanted.is", "by", "why", "decided.verdict", "decided.by"])
        }
        Asked::Request(request) => {
            let unreadable = |error| Failure::wrong(format!("cannot read {}: {error}", request.file.display()));
            let text = std::fs::read_to_string(&request.file).map_err(unreadable)?;
            let wanted: Value = serde_json::from_str(&text).map_err(Failure::failed)?;
            let change = posted(&request.gateway, "/-/v1/access/changes", &json!({ "wanted": wanted, "why": request.why })).await?;
            output.fields(&change, "id", &["wanted", "decided"])
        }
        Asked::Approve(decide) => decided(&decide, "approved", output).await,
        Asked::Reject(decide) => decided(&decide, "rejected", output).await,
    }
}

async fn decided(decide: &Decide, verdict: &str, output: Output) -> Result<(), Failure> {
    let path = format!("/-/v1/access/changes/{}/decision", named(&decide.id)?);
    let change = posted(&decide.gateway, &path, &json!({ "verdict": verdict })).await?;
    output.fields(&change, "id", &["wanted", "decided"])
}

/// A name that stands in a path as it is.
fn named(name: &str) -> Result<&str, Failure> {
    let is_plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if is_plain { Ok(name) } else { Err(Failure::usage("a name or id has letters, digits, `.`, `_` and `-`")) }
}

async fn posted(gateway: &Gateway, path: &str, document: &Value) -> Result<Value, Failure> {
    asked(&gateway.client("administrator")?, (Method::POST, path), Bytes::from(document.to_string()), RIGHT).await
}

async fn listed(gateway: &Gateway, path: &str, name: &str) -> Result<Value, Failure> {
    let mut document = asked(&gateway.client("administrator")?, (Method::GET, path), Bytes::new(), RIGHT).await?;
    Ok(document.get_mut(name).map(Value::take).unwrap_or_default())
}

/// For a table: the ids of the policies in one cell.
fn flat(answer: &Value) -> Value {
    let policies = answer.get("policies").and_then(Value::as_array).into_iter().flatten();
    let ids: Vec<&str> = policies.filter_map(|policy| policy.get("id")?.as_str()).collect();
    json!({ "allowed": answer.get("allowed"), "reason": answer.get("reason"), "policies": ids })
}
