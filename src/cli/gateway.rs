//! Commands that ask the gateway itself, as one of the tenant's people, and not its operator's socket.

use super::failure::Failure;
use crate::client::{Client, ClientError};
use crate::domain::{Clock, SystemClock};
use bytes::Bytes;
use clap::Args;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Whom to ask, and as whom.
#[derive(Debug, Args)]
pub(super) struct Gateway {
    /// Ask the demo in this directory, as whoever of its people has that duty.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["endpoint", "ca", "access_key", "secret_key_file"])]
    demo: Option<PathBuf>,
    /// With --demo: ask as another of its people.
    #[arg(long = "as", value_name = "PERSON", requires = "demo")]
    person_of_demo: Option<String>,
    /// The gateway's S3 endpoint, such as https://s3.example.
    #[arg(long, value_name = "URL", required_unless_present = "demo")]
    endpoint: Option<String>,
    /// PEM file of the authority that the gateway's certificate comes from.
    #[arg(long, value_name = "FILE", required_unless_present = "demo")]
    ca: Option<PathBuf>,
    /// The region that requests are signed for.
    #[arg(long, default_value = "ap-northeast-1")]
    region: String,
    /// The caller's access key.
    #[arg(long, value_name = "ID", required_unless_present = "demo")]
    access_key: Option<String>,
    /// File with the caller's secret key; only its owner should be able to read it.
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

/// The document that the gateway answers with. `right` is what the caller needs.
pub(super) async fn asked(client: &Client, (method, path): (Method, &str), body: Bytes, right: &str) -> Result<Value, Failure> {
    let answer = client.send(method, path, (&[], body), SystemClock.now()).await.map_err(unanswered)?;
    let document: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if answer.status.is_success() {
        return document.ok_or_else(|| Failure::wrong("the gateway's answer is no document"));
    }
    let code = document.as_ref().and_then(|document| document.get("code")).and_then(Value::as_str).unwrap_or("no code");
    let text = format!("the gateway answered {} ({code})", answer.status);
    let title = document.as_ref().and_then(|document| document.get("title")).and_then(Value::as_str);
    Err(match (answer.status, title) {
        (StatusCode::FORBIDDEN, _) if code == "same-person" => Failure::refused(text).advise("another person has to do that"),
        (StatusCode::FORBIDDEN, _) => {
            Failure::refused(text).advise(format!("the caller needs the right `{right}`, and a credential in use"))
        }
        (status, Some(title)) if status.is_client_error() => Failure::refused(text).advise(title),
        (status, None) if status.is_client_error() => Failure::refused(text),
        _ => Failure::wrong(text).advise("see the gateway's log"),
    })
}

fn unanswered(error: ClientError) -> Failure {
    match error {
        ClientError::Unreachable { .. } | ClientError::TimedOut | ClientError::Http(_) => {
            Failure::unreachable(error).advise("is the gateway running there, and is --ca the authority of its certificate?")
        }
        error => Failure::failed(error),
    }
}

impl Gateway {
    /// A client for it; `usual` is whom of a demo's people it asks as where nobody else is named.
    pub(super) fn client(&self, usual: &str) -> Result<Client, Failure> {
        match (&self.demo, &self.endpoint, &self.ca, &self.access_key, &self.secret_key_file) {
            (Some(dir), ..) => demo_client(dir, self.person_of_demo.as_deref().unwrap_or(usual)),
            (None, Some(endpoint), Some(ca), Some(access_key), Some(file)) => {
                let secret = Zeroizing::new(fs::read_to_string(file).map_err(|error| unreadable(file, error))?);
                let secret = Zeroizing::new(secret.trim_end().to_owned());
                Client::new(endpoint, ca, &self.region, (access_key.clone(), secret)).map_err(Failure::failed)
            }
            _ => Err(Failure::usage("give --demo, or --endpoint, --ca, --access-key and --secret-key-file")),
        }
    }
}

fn demo_client(dir: &Path, name: &str) -> Result<Client, Failure> {
    let path = dir.join("demo.json");
    let text = Zeroizing::new(fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?);
    let mut demo: DemoFile = serde_json::from_str(&text).map_err(Failure::failed)?;
    let person = demo.people.remove(name).ok_or_else(|| {
        let names: Vec<&str> = demo.people.keys().map(String::as_str).collect();
        Failure::usage(format!("the demo has no `{name}`")).advise(format!("it has {}", names.join(", ")))
    })?;
    Client::new(&demo.endpoint, &demo.ca, &demo.region, (person.access_key, Zeroizing::new(person.secret_key))).map_err(Failure::failed)
}

fn unreadable(path: &Path, error: std::io::Error) -> Failure {
    Failure::wrong(format!("cannot read {}: {error}", path.display()))
        .advise("a demo writes demo.json once it answers, and removes it when it stops")
}
