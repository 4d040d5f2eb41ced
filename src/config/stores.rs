//! The sections of the file that say where sealed bodies are.

use super::error::Conflict;
use super::raw::Endpoint;
use super::within::Within;
use crate::backup::{BackupSettings, KeeperSettings};
use crate::blob::{
    AzureCredential, AzureSettings, BlobSettings, GcsSettings, Patience, ReplicaMode, ReplicaSettings, S3Settings, Transport,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Store {
    pub(super) directory: PathBuf,
    pub(super) connect_secs_max: Within<1, 60>,
    pub(super) answer_secs_max: Within<1, 600>,
    pub(super) request_secs_max: Within<10, 3_600>,
    pub(super) retries_max: Within<0, 10>,
    // Requests that are asked again keep the signature of the first, which is good for some minutes.
    pub(super) retry_secs_max: Within<1, 240>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) s3: Option<S3Store>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) azure: Option<AzureStore>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gcs: Option<GcsStore>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct S3Store {
    endpoint: Endpoint,
    bucket: String,
    region: String,
    access_key_id: String,
    secret_key_file: PathBuf,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    ca: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AzureStore {
    account: String,
    container: String,
    credential: Credential,
    secret_file: PathBuf,
    #[serde(default)]
    endpoint: Option<Endpoint>,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Credential {
    AccessKey,
    Sas,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GcsStore {
    bucket: String,
    service_account_file: PathBuf,
    #[serde(default)]
    endpoint: Option<Endpoint>,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    ca: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replica {
    mode: Mode,
    #[serde(default = "failover_secs")]
    failover_secs: Within<1, 300>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    directory: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s3: Option<S3Store>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    azure: Option<AzureStore>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gcs: Option<GcsStore>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backup {
    #[serde(default = "snapshot_hours")]
    snapshot_hours: Within<1, 720>,
    #[serde(default = "ship_secs")]
    ship_secs: Within<0, 3_600>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    directory: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s3: Option<S3Store>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    azure: Option<AzureStore>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gcs: Option<GcsStore>,
}

const fn snapshot_hours() -> Within<1, 720> {
    Within::near(24)
}

const fn ship_secs() -> Within<0, 3_600> {
    Within::near(1)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Before,
    Behind,
}

const fn failover_secs() -> Within<1, 300> {
    Within::near(10)
}

/// What lies where.
pub(super) struct Stores {
    pub(super) store: BlobSettings,
    pub(super) replica: Option<ReplicaSettings>,
    pub(super) backup: Option<BackupSettings>,
}

/// Where the store, its replica and the backup are: the store in the directory, unless a remote one is named.
pub(super) fn stores(
    raw: Store,
    (replica, backup): (Option<Replica>, Option<Backup>),
    place: impl Fn(PathBuf) -> PathBuf,
) -> Result<Stores, Conflict> {
    let patience = patience(&raw);
    let remote = remote(Remote { s3: raw.s3, azure: raw.azure, gcs: raw.gcs }, patience, &place).ok_or(Conflict::SeveralStores)?;
    let store = remote.unwrap_or_else(|| BlobSettings::Local { directory: place(raw.directory) });
    let replica = replica.map(|raw| raw.settings(patience, &place)).transpose()?;
    let backup = backup.map(|raw| raw.settings(patience, &place)).transpose()?;
    if replica.as_ref().is_some_and(|replica| replica.store.is_place_of(&store)) {
        return Err(Conflict::ReplicaIsStore);
    }
    let others = std::iter::once(&store).chain(replica.as_ref().map(|replica| &replica.store));
    if backup.as_ref().is_some_and(|backup| others.into_iter().any(|other| backup.store.is_place_of(other))) {
        return Err(Conflict::BackupIsStore);
    }
    Ok(Stores { store, replica, backup })
}

impl Backup {
    fn settings(self, patience: Patience, place: impl Fn(PathBuf) -> PathBuf) -> Result<BackupSettings, Conflict> {
        const HOUR: Duration = Duration::from_secs(3_600);
        let remote_ones = Remote { s3: self.s3, azure: self.azure, gcs: self.gcs };
        let store = one_place(self.directory, remote_ones, patience, place).ok_or(Conflict::BackupPlace)?;
        let ship_every = Some(self.ship_secs.seconds()).filter(|pause| !pause.is_zero());
        let keeper = KeeperSettings { snapshot_every: HOUR.saturating_mul(self.snapshot_hours.small()), ship_every };
        Ok(BackupSettings { store, keeper })
    }
}

/// The one place that is named; nothing where there is none, or more than one.
fn one_place(directory: Option<PathBuf>, others: Remote, patience: Patience, place: impl Fn(PathBuf) -> PathBuf) -> Option<BlobSettings> {
    let directory = directory.map(&place);
    match (directory, remote(others, patience, place)?) {
        (Some(directory), None) => Some(BlobSettings::Local { directory }),
        (None, Some(remote)) => Some(remote),
        _ => None,
    }
}

impl Replica {
    fn settings(self, patience: Patience, place: impl Fn(PathBuf) -> PathBuf) -> Result<ReplicaSettings, Conflict> {
        let remote_ones = Remote { s3: self.s3, azure: self.azure, gcs: self.gcs };
        let store = one_place(self.directory, remote_ones, patience, place).ok_or(Conflict::ReplicaPlace)?;
        let mode = match self.mode {
            Mode::Before => ReplicaMode::Before,
            Mode::Behind => ReplicaMode::Behind,
        };
        Ok(ReplicaSettings { store, mode, failover_after: self.failover_secs.seconds() })
    }
}

/// How long remote stores are waited for.
fn patience(raw: &Store) -> Patience {
    Patience {
        connect: raw.connect_secs_max.seconds(),
        answer: raw.answer_secs_max.seconds(),
        request: raw.request_secs_max.seconds(),
        retries: raw.retries_max.size(),
        retry_time: raw.retry_secs_max.seconds(),
    }
}

struct Remote {
    s3: Option<S3Store>,
    azure: Option<AzureStore>,
    gcs: Option<GcsStore>,
}

/// The remote store that is named; none at all when there are several.
fn remote(named: Remote, patience: Patience, place: impl Fn(PathBuf) -> PathBuf) -> Option<Option<BlobSettings>> {
    match (named.s3, named.azure, named.gcs) {
        (None, None, None) => Some(None),
        (Some(s3), None, None) => Some(Some(BlobSettings::S3(s3.settings(patience, place)))),
        (None, Some(azure), None) => Some(Some(BlobSettings::Azure(azure.settings(patience, place)))),
        (None, None, Some(gcs)) => Some(Some(BlobSettings::Gcs(gcs.settings(patience, place)))),
        _ => None,
    }
}

impl S3Store {
    fn settings(self, patience: Patience, place: impl Fn(PathBuf) -> PathBuf) -> S3Settings {
        S3Settings {
            endpoint: Some(self.endpoint.url),
            bucket: self.bucket,
            region: self.region,
            access_key_id: self.access_key_id,
            secret_file: place(self.secret_key_file),
            prefix: self.prefix,
            transport: self.endpoint.transport,
            ca: self.ca.map(place),
            patience,
        }
    }
}

impl AzureStore {
    fn settings(self, patience: Patience, place: impl Fn(PathBuf) -> PathBuf) -> AzureSettings {
        let (endpoint, transport) = reached(self.endpoint);
        AzureSettings {
            account: self.account,
            container: self.container,
            credential: match self.credential {
                Credential::AccessKey => AzureCredential::AccessKey,
                Credential::Sas => AzureCredential::Sas,
            },
            secret_file: place(self.secret_file),
            endpoint,
            prefix: self.prefix,
            transport,
            ca: self.ca.map(place),
            patience,
        }
    }
}

impl GcsStore {
    fn settings(self, patience: Patience, place: impl Fn(PathBuf) -> PathBuf) -> GcsSettings {
        let (endpoint, transport) = reached(self.endpoint);
        GcsSettings {
            bucket: self.bucket,
            service_account_file: place(self.service_account_file),
            endpoint,
            prefix: self.prefix,
            transport,
            ca: self.ca.map(place),
            patience,
        }
    }
}

/// A service's own address is one over TLS.
fn reached(endpoint: Option<Endpoint>) -> (Option<String>, Transport) {
    endpoint.map_or((None, Transport::Tls), |endpoint| (Some(endpoint.url), endpoint.transport))
}
