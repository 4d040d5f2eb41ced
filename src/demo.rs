//! The whole gateway with two made-up hospitals, from nothing, in one command.
//!
//! What it makes it keeps in one directory, and it goes on with the same people, keys and records when it is
//! started there again. Its records go in through its own front door. Way in: [`run`].

mod certificates;
mod file;
mod people;
mod place;
mod records;
mod story;

use crate::app::{Gateway, Reload, StartError, Supervisor};
use crate::audit::{JournalError, Operator, OperatorAction, Subject};
use crate::client::{Client, ClientError};
use crate::config::{self, ConfigError};
use crate::domain::{BucketMode, BucketName, Clock, RecordClass, SystemClock, TenantId, UtcTime, Versioning};
use crate::identity::{NewPrincipal, PeopleError};
use crate::index::{IndexError, NewBucket};
use crate::leases::CreateTenantError;
use crate::listener::ListenerError;
use crate::root::{Protection, Root, RootError};
use crate::telemetry::LogLevel;
use bytes::Bytes;
use certificates::Certificates;
use file::{DemoFile, DemoKeys, write_private};
use http::Method;
use place::{CONFIGURATION_HEAD, Place, is_there};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The region that the demo says it is in.
const REGION: &str = "ap-northeast-1";

/// The demo could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// A file could not be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
    /// A certificate could not be made.
    #[error("a certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// A file of an earlier run has another form.
    #[error("{} is not what a demo has written; give another directory, or delete this one", path.display())]
    Form {
        /// Which.
        path: PathBuf,
    },
    /// Another demo has the directory.
    #[error("a demo runs already in {}", dir.display())]
    Running {
        /// Which.
        dir: PathBuf,
    },
    /// Something is in the way that the demo would have to write over or delete.
    #[error("{} was not made by a demo, and the demo would need its place: nothing was changed", path.display())]
    Foreign {
        /// What.
        path: PathBuf,
    },
    /// What is made could not be put on record.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The configuration written for the demo is not taken.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key file could not be made.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The gateway could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A hospital could not be made.
    #[error(transparent)]
    Tenant(#[from] CreateTenantError),
    /// Somebody could not be added.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// A bucket could not be made.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The demo's own front door did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The demo's own front door refused.
    #[error("the gateway answered {status} to a record of the demo")]
    Refused {
        /// With what.
        status: u16,
    },
}

impl DemoError {
    /// What helps, where that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Running { .. } => Some("use that one, stop it first, or give another directory with `--dir`"),
            Self::Foreign { .. } => Some("give a new or empty directory with `--dir`, or move that away"),
            Self::Start(StartError::Listener(ListenerError::Bind { source, .. })) if source.kind() == ErrorKind::AddrInUse => {
                Some("the port is taken: `--listen 127.0.0.1:0` picks a free one")
            }
            _ => None,
        }
    }
}

/// Runs the demo in `dir` until it is told to stop.
///
/// # Errors
/// [`DemoError`] when it cannot be set up.
pub async fn run(dir: &Path, listen: SocketAddr, log_level: LogLevel) -> Result<(), DemoError> {
    let place = Place::take(dir)?;
    prepare(&place, listen, SystemClock.now())?;
    let settings = config::load(&place.config)?;
    let gateway = Gateway::start(settings, Reload { file: place.config.clone(), log_level, supervisor: Supervisor::default() }).await?;
    let endpoint = format!("https://localhost:{}", gateway.address().port());

    let people = match fs::read(&place.credentials) {
        Ok(known) => serde_json::from_slice(&known).map_err(|_| DemoError::Form { path: place.credentials.clone() })?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let people = populate(&gateway).await?;
            store_records(&endpoint, &place, &people).await?;
            // Written last: a demo that was cut off before begins anew with fresh hospitals.
            write_private(&place.credentials, &json(&place.credentials, &people)?)?;
            people
        }
        Err(source) => return Err(DemoError::File { path: place.credentials.clone(), source }),
    };
    let file = DemoFile {
        endpoint: endpoint.clone(),
        ca: &place.ca,
        admin: &place.admin,
        data: &place.data,
        config: &place.config,
        region: REGION,
        bucket: people::RECORDS_BUCKET,
        plain_bucket: people::PLAIN_BUCKET,
        people: &people,
    };
    write_private(&place.demo_json, &json(&place.demo_json, &file)?)?;
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("hozon"));
    let story = story::Story { endpoint: &endpoint, region: REGION, dir: &place.dir, ca: &place.ca, program: &program, people: &people };
    announce(&story.tell());
    gateway.run_until_told().await;
    // Gone with the gateway, so that nobody takes a stopped demo for a running one.
    fs::remove_file(&place.demo_json).map_err(|source| DemoError::File { path: place.demo_json.clone(), source })
}

/// Prints for the person at the terminal.
fn announce(text: &str) {
    use std::io::Write;
    let _closed = writeln!(std::io::stdout(), "{text}"); // nobody reads: the demo runs on all the same
}

/// Makes what a gateway needs before it starts. What is there already stays.
fn prepare(place: &Place, listen: SocketAddr, now: UtcTime) -> Result<(), DemoError> {
    if is_there(&place.demo_json)? {
        // Left by a demo that was killed: it must not point at a port that may be another's.
        fs::remove_file(&place.demo_json).map_err(|source| DemoError::File { path: place.demo_json.clone(), source })?;
    }
    if !is_there(&place.root_key)? {
        Root::create_file(&place.root_key, &Protection::FileMode)?;
    }
    place.make_room()?;
    certify(place, now)?;
    write_private(&place.config, configuration(place, listen).as_bytes())
}

/// Makes certificates where there are none, or where the server's is about to end. Nobody keeps the authority's key, so
/// it is made anew with it.
fn certify(place: &Place, now: UtcTime) -> Result<(), DemoError> {
    let failed = |source| DemoError::File { path: place.server.clone(), source };
    if is_there(&place.server)? {
        let is_good = certificates::is_good(&fs::read_to_string(&place.server).map_err(failed)?, now);
        if is_good && is_there(&place.ca)? && is_there(&place.server_key)? {
            return Ok(());
        }
        // First, and written last: it stands for all three being of one set.
        fs::remove_file(&place.server).map_err(failed)?;
    }
    let made = Certificates::make(now)?;
    write_private(&place.server_key, made.server_key.as_bytes())?;
    write_private(&place.ca, made.ca.as_bytes())?;
    write_private(&place.server, made.server.as_bytes())
}

fn configuration(place: &Place, listen: SocketAddr) -> String {
    let path = |path: &Path| toml::Value::String(path.display().to_string()).to_string();
    format!(
        "{CONFIGURATION_HEAD}profile = \"dev\"\nregion = \"{REGION}\"\n\n\
         [listener]\naddress = \"{listen}\"\nbase_domain = \"localhost\"\ncertificate = {}\nprivate_key = {}\n\n\
         [admin]\nsocket = {}\n\n[index]\npath = {}\n\n[store]\ndirectory = {}\n\n[root]\nkey_file = {}\n\n\
         # The other library is generic code, which a build for development runs at 3 MB/s.\n[seal]\ncipher = \"aws-lc-rs\"\n",
        path(&place.server),
        path(&place.server_key),
        path(&place.admin),
        path(&place.data.join("index.sqlite")),
        path(&place.data.join("blobs")),
        path(&place.root_key),
    )
}

/// Makes the hospitals, their people, and the buckets of the first one, each on record as an operator's doing.
async fn populate(gateway: &Gateway) -> Result<BTreeMap<String, DemoKeys>, DemoError> {
    let services = gateway.services();
    let (now, operator) = (services.clock.now(), Operator::user(rustix::process::geteuid().as_raw(), "command-line"));
    let mut tenants: BTreeMap<&str, TenantId> = BTreeMap::new();
    for (name, facility) in [(people::HOSPITAL, "1312345678"), (people::OTHER_HOSPITAL, "2712345678")] {
        let new = services.leases.new_tenant(name, Some(facility), now).await?;
        let event = operator.event(OperatorAction::CreateTenant, Subject::default(), now);
        let pending = services.journal.seal_first(&new, event)?;
        tenants.insert(name, services.leases.add_tenant(new, pending.into_events()).await?.id);
    }
    let record = async |tenant, action, subject| services.journal.seal(tenant, operator.event(action, subject, now)).await;
    let mut keys = BTreeMap::new();
    for person in people::people() {
        let Some(tenant) = tenants.get(person.tenant).copied() else { continue };
        let named = Subject { principal: Some(person.name.to_owned()), ..Subject::default() };
        let subject = Subject { grants: person.profile.grants.clone(), ..named.clone() };
        let pending = record(tenant, OperatorAction::CreatePrincipal, subject).await?;
        let new = NewPrincipal { name: person.name.to_owned(), kind: person.kind, profile: person.profile };
        services.people.create_principal(tenant, new, pending.into_events()).await?;
        let new = services.people.new_access_key(tenant, person.name, None).await?;
        let subject = Subject { credential: Some(new.id().to_owned()), ..named };
        let pending = record(tenant, OperatorAction::CreateCredential, subject).await?;
        let (key, secret) = services.people.add_access_key(new, pending.into_events()).await?;
        let held = DemoKeys { tenant: person.tenant.to_owned(), access_key: key.id, secret_key: secret.to_string() };
        keys.insert(person.name.to_owned(), held);
    }
    let Some(hospital) = tenants.get(people::HOSPITAL).copied() else { return Ok(keys) };
    for (name, mode, versioning, class) in [
        (people::RECORDS_BUCKET, BucketMode::Records, Versioning::On, Some("chart.medical")),
        (people::PLAIN_BUCKET, BucketMode::Plain, Versioning::Off, None),
    ] {
        let (Ok(bucket), class) = (BucketName::parse(name), class.and_then(|class| RecordClass::parse(class).ok())) else { continue };
        let subject = Subject { bucket: Some(name.to_owned()), ..Subject::default() };
        let pending = record(hospital, OperatorAction::CreateBucket, subject).await?;
        let new = NewBucket { name: bucket, mode, versioning, default_class: class };
        let _made_or_there = services.index.of(hospital).create_bucket(new, now, pending.into_events()).await?;
    }
    Ok(keys)
}

/// Puts the demo's records in as the app would: over TLS, signed.
async fn store_records(endpoint: &str, place: &Place, people: &BTreeMap<String, DemoKeys>) -> Result<(), DemoError> {
    let Some(app) = people.get("app") else { return Err(DemoError::Form { path: place.credentials.clone() }) };
    let credential = (app.access_key.clone(), Zeroizing::new(app.secret_key.clone()));
    let client = Client::new(endpoint, &place.ca, REGION, credential)?;
    for record in records::records() {
        let headers =
            [("content-type", record.content_type), ("x-amz-meta-patient-id", record.patient), ("x-amz-meta-record-class", record.class)];
        let path = format!("/{}/{}", people::RECORDS_BUCKET, record.key);
        let answer = client.send(Method::PUT, &path, (&headers, Bytes::from(record.body)), SystemClock.now()).await?;
        if !answer.status.is_success() {
            return Err(DemoError::Refused { status: answer.status.as_u16() });
        }
    }
    Ok(())
}

fn json(path: &Path, value: &impl serde::Serialize) -> Result<Vec<u8>, DemoError> {
    serde_json::to_vec_pretty(value).map_err(|_| DemoError::Form { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use std::time::Duration;

    #[test]
    fn certificates_are_made_anew_before_they_end() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::take(dir.path()).unwrap();
        let files = || [&place.ca, &place.server, &place.server_key].map(|path| fs::read_to_string(path).unwrap());
        let day = Duration::from_secs(24 * 3_600);
        let now = SystemClock.now();
        let prepared = |now| prepare(&place, SocketAddr::from(([127, 0, 0, 1], 0)), now).map(|()| files()).unwrap();
        let first = prepared(now);
        assert_eq!(prepared(now.plus(day * 334)), first, "31 days are left");
        let second = prepared(now.plus(day * 336));
        assert!(second.iter().zip(&first).all(|(new, old)| new != old), "29 days are left");
        // A set that a crash tore apart is made anew as a whole, and so is one that says nothing of its end.
        fs::remove_file(&place.server).unwrap();
        let third = prepared(now);
        assert!(third.iter().zip(&second).all(|(new, old)| new != old));
        fs::write(&place.server, third[1].split_once('\n').unwrap().1).unwrap();
        assert_ne!(prepared(now), third);

        let certificate = CertificateDer::from_pem_file(&place.server).unwrap();
        let key = PrivateKeyDer::from_pem_file(&place.server_key).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        assert!(config.with_no_client_auth().with_single_cert(vec![certificate], key).is_ok());
    }
}
