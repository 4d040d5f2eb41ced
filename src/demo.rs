//! The whole gateway with two made-up hospitals, from nothing, in one command.
//!
//! What it makes it keeps in one directory, and it goes on with the same people, keys and records when it is
//! started there again. Its records go in through its own front door. Way in: [`run`].

mod certificates;
mod file;
mod people;
mod records;
mod story;

use crate::app::{Gateway, Reload, StartError};
use crate::client::{Client, ClientError};
use crate::config::{self, ConfigError};
use crate::domain::{BucketMode, BucketName, Clock, RecordClass, SystemClock, TenantId, Versioning};
use crate::engine::Events;
use crate::identity::{NewPrincipal, PeopleError};
use crate::index::{IndexError, NewBucket};
use crate::leases::CreateTenantError;
use crate::root::{Protection, Root, RootError};
use crate::telemetry::LogLevel;
use bytes::Bytes;
use certificates::Certificates;
use file::{DemoFile, DemoKeys, write_private};
use http::Method;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
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

/// Where the demo keeps its things.
struct Places {
    dir: PathBuf,
    ca: PathBuf,
    server: PathBuf,
    server_key: PathBuf,
    root_key: PathBuf,
    data: PathBuf,
    config: PathBuf,
    admin: PathBuf,
    credentials: PathBuf,
    demo_json: PathBuf,
}

/// Runs the demo in `dir` until it is told to stop.
///
/// # Errors
/// [`DemoError`] when it cannot be set up.
pub async fn run(dir: &Path, listen: SocketAddr, log_level: LogLevel) -> Result<(), DemoError> {
    let places = Places::in_dir(dir)?;
    prepare(&places, listen)?;
    let settings = config::load(&places.config)?;
    let gateway = Gateway::start(settings, Reload { file: places.config.clone(), log_level }).await?;
    let endpoint = format!("https://localhost:{}", gateway.address().port());

    let people = match fs::read(&places.credentials) {
        Ok(known) => serde_json::from_slice(&known).map_err(|_| DemoError::Form { path: places.credentials.clone() })?,
        Err(_) => {
            let people = populate(&gateway).await?;
            store_records(&endpoint, &places, &people).await?;
            // Written last: a demo that was cut off before begins anew with fresh hospitals.
            write_private(&places.credentials, &json(&places.credentials, &people)?)?;
            people
        }
    };
    let file = DemoFile {
        endpoint: endpoint.clone(),
        ca: &places.ca,
        admin: &places.admin,
        data: &places.data,
        config: &places.config,
        region: REGION,
        bucket: people::RECORDS_BUCKET,
        plain_bucket: people::PLAIN_BUCKET,
        people: &people,
    };
    write_private(&places.demo_json, &json(&places.demo_json, &file)?)?;
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("hozon"));
    let story = story::Story { endpoint: &endpoint, region: REGION, dir: &places.dir, ca: &places.ca, program: &program, people: &people };
    announce(&story.tell());
    let ended = gateway.run_until_told().await;
    // Gone with the gateway, so that nobody takes a stopped demo for a running one.
    let removed = fs::remove_file(&places.demo_json);
    ended?;
    removed.map_err(|source| DemoError::File { path: places.demo_json.clone(), source })
}

/// Prints for the person at the terminal.
fn announce(text: &str) {
    use std::io::Write;
    let _closed = writeln!(std::io::stdout(), "{text}"); // nobody reads: the demo runs on all the same
}

impl Places {
    fn in_dir(dir: &Path) -> Result<Self, DemoError> {
        let io = |source| DemoError::File { path: dir.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
        let dir = fs::canonicalize(dir).map_err(io)?;
        Ok(Self {
            ca: dir.join("ca.pem"),
            server: dir.join("server.pem"),
            server_key: dir.join("server.key"),
            root_key: dir.join("root.key"),
            data: dir.join("data"),
            config: dir.join("hozon.toml"),
            admin: dir.join("admin.sock"),
            credentials: dir.join("credentials.json"),
            demo_json: dir.join("demo.json"),
            dir,
        })
    }
}

/// Makes what a gateway needs before it starts. What is there already stays.
fn prepare(places: &Places, listen: SocketAddr) -> Result<(), DemoError> {
    if places.demo_json.exists() {
        // Left by a demo that was killed: it must not point at a port that may be another's.
        fs::remove_file(&places.demo_json).map_err(|source| DemoError::File { path: places.demo_json.clone(), source })?;
    }
    if !places.root_key.exists() {
        Root::create_file(&places.root_key, &Protection::FileMode)?;
    }
    if !places.credentials.exists() && places.data.exists() {
        fs::remove_dir_all(&places.data).map_err(|source| DemoError::File { path: places.data.clone(), source })?;
    }
    if !places.ca.exists() || !places.server.exists() || !places.server_key.exists() {
        let made = Certificates::make(SystemClock.now())?;
        write_private(&places.server_key, made.server_key.as_bytes())?;
        write_private(&places.server, made.server.as_bytes())?;
        write_private(&places.ca, made.ca.as_bytes())?;
    }
    write_private(&places.config, configuration(places, listen).as_bytes())
}

fn configuration(places: &Places, listen: SocketAddr) -> String {
    let path = |path: &Path| toml::Value::String(path.display().to_string()).to_string();
    format!(
        "# Written by `hozon demo` at each start.\nprofile = \"dev\"\nregion = \"{REGION}\"\n\n\
         [listener]\naddress = \"{listen}\"\nbase_domain = \"localhost\"\ncertificate = {}\nprivate_key = {}\n\n\
         [admin]\nsocket = {}\n\n[index]\npath = {}\n\n[store]\ndirectory = {}\n\n[root]\nkey_file = {}\n\n\
         # The other library is generic code, which a build for development runs at 3 MB/s.\n[seal]\ncipher = \"aws-lc-rs\"\n",
        path(&places.server),
        path(&places.server_key),
        path(&places.admin),
        path(&places.data.join("index.sqlite")),
        path(&places.data.join("blobs")),
        path(&places.root_key),
    )
}

/// Makes the hospitals, their people, and the buckets of the first one.
async fn populate(gateway: &Gateway) -> Result<BTreeMap<String, DemoKeys>, DemoError> {
    let services = gateway.services();
    let now = services.clock.now();
    let mut tenants: BTreeMap<&str, TenantId> = BTreeMap::new();
    for (name, facility) in [(people::HOSPITAL, "1312345678"), (people::OTHER_HOSPITAL, "2712345678")] {
        let tenant = services.leases.create_tenant(name, Some(facility), now).await?;
        tenants.insert(name, tenant.id);
    }
    let mut keys = BTreeMap::new();
    for person in people::people() {
        let Some(tenant) = tenants.get(person.tenant).copied() else { continue };
        let new = NewPrincipal { name: person.name.to_owned(), kind: person.kind, profile: person.profile };
        services.people.create_principal(tenant, new, Events::default()).await?;
        let (key, secret) = services.people.create_access_key(tenant, person.name, None, Events::default()).await?;
        let held = DemoKeys { tenant: person.tenant.to_owned(), access_key: key.id, secret_key: secret.to_string() };
        keys.insert(person.name.to_owned(), held);
    }
    if let Some(hospital) = tenants.get(people::HOSPITAL) {
        for (name, mode, versioning, class) in [
            (people::RECORDS_BUCKET, BucketMode::Records, Versioning::On, Some("chart.medical")),
            (people::PLAIN_BUCKET, BucketMode::Plain, Versioning::Off, None),
        ] {
            let (Ok(name), class) = (BucketName::parse(name), class.and_then(|class| RecordClass::parse(class).ok())) else { continue };
            let new = NewBucket { name, mode, versioning, default_class: class };
            let _made_or_there = services.index.of(*hospital).create_bucket(new, now, Events::default()).await?;
        }
    }
    Ok(keys)
}

/// Puts the demo's records in as the app would: over TLS, signed.
async fn store_records(endpoint: &str, places: &Places, people: &BTreeMap<String, DemoKeys>) -> Result<(), DemoError> {
    let Some(app) = people.get("app") else { return Err(DemoError::Form { path: places.credentials.clone() }) };
    let credential = (app.access_key.clone(), Zeroizing::new(app.secret_key.clone()));
    let client = Client::new(endpoint, &places.ca, REGION, credential)?;
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
