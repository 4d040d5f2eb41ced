use super::StartError;
use crate::audit::{Journal, OutcomeLog, ProviderLog};
use crate::blob::{BlobSettings, BlobStore, S3Settings, Transport};
use crate::config::{RootSettings, S3StoreSettings, Settings, StoreSettings};
use crate::domain::{Clock, NodeId, SystemClock, limits};
use crate::engine::{Engine, SqliteEngine, SqliteSettings};
use crate::identity::{Authenticator, People};
use crate::index::Index;
use crate::keys::Keyring;
use crate::leases::{LeaseSettings, Leases, SystemMonotonic};
use crate::meters::Meters;
use crate::objects::Objects;
use crate::policy::Gate;
use crate::root::{Passphrase, Protection, Root};
use crate::seal::{Aead, PlainPool};
use std::sync::Arc;

/// The inner parts of a running gateway, built in order.
#[derive(Debug)]
pub struct Services {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Metrics.
    pub meters: Arc<Meters>,
    /// The metadata database.
    pub engine: Arc<dyn Engine>,
    /// Tenant keys.
    pub leases: Arc<Leases>,
    /// Records.
    pub index: Arc<Index>,
    /// The tenants' audit logs.
    pub journal: Arc<Journal>,
    /// Counts of requests that prove no tenant.
    pub provider_log: Arc<ProviderLog>,
    /// Who is who.
    pub authenticator: Arc<Authenticator>,
    /// People and credentials.
    pub people: Arc<People>,
    /// Decisions.
    pub gate: Arc<Gate>,
    /// Sealed bytes.
    pub blobs: BlobStore,
    /// Verbs on records.
    pub objects: Objects,
    /// Outcomes on their way to the log.
    pub outcomes: OutcomeLog,
}

/// Idle buffers for opened bytes that are kept: 4 MiB.
const IDLE_BUFFERS: usize = 16;

impl Services {
    /// Builds everything that needs no network of our own.
    ///
    /// # Errors
    /// [`StartError`] names the part that cannot be had.
    pub async fn build(settings: &Settings) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let aead = Aead::checked(settings.aead)?;
        let index = SqliteSettings { path: settings.index.path.clone(), readers: settings.index.readers, bytes_max: None };
        let engine: Arc<dyn Engine> = Arc::new(SqliteEngine::open(&index, Arc::clone(&clock))?);
        let root = Arc::new(open_root(&settings.root)?);
        let monotonic = Arc::new(SystemMonotonic::start());
        let leases = Arc::new(Leases::new(Arc::clone(&engine), root, LeaseSettings { life: settings.lease_life }, monotonic));
        let blobs = BlobStore::open(&store(&settings.store))?;
        blobs.probe(clock.now()).await?;

        let index = Arc::new(Index::new(Arc::clone(&engine), Arc::clone(&leases)));
        let journal = Arc::new(Journal::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&clock), NodeId::random()));
        let (outcomes, _ends_with_the_last_sender) = OutcomeLog::start(Arc::clone(&journal));
        let provider_log = Arc::new(ProviderLog::new(Arc::clone(&engine), Arc::clone(&clock)));
        let authenticator = Arc::new(Authenticator::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&clock)));
        let people =
            Arc::new(People::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&clock), Arc::clone(&authenticator)));
        let gate = Arc::new(Gate::new(Arc::clone(&index), Arc::clone(&journal)));
        let objects = Objects {
            gate: Arc::clone(&gate),
            index: Arc::clone(&index),
            keys: Arc::new(Keyring::new(Arc::clone(&leases))),
            blobs: blobs.clone(),
            outcomes: outcomes.clone(),
            journal: Arc::clone(&journal),
            clock: Arc::clone(&clock),
            aead,
            pool: PlainPool::new(IDLE_BUFFERS, limits::SEGMENT_CHUNKS * limits::CHUNK_BYTES),
        };
        let meters = Arc::new(Meters::new());
        Ok(Self { clock, meters, engine, leases, index, journal, provider_log, authenticator, people, gate, blobs, objects, outcomes })
    }
}

fn open_root(settings: &RootSettings) -> Result<Root, StartError> {
    let protection = match &settings.passphrase_file {
        Some(file) => Protection::Passphrase(Passphrase::File(file.clone())),
        None => Protection::FileMode,
    };
    Ok(Root::open_file(&settings.key_file, &protection)?)
}

fn store(settings: &StoreSettings) -> BlobSettings {
    match settings {
        StoreSettings::Local { directory } => BlobSettings::Local { directory: directory.clone() },
        StoreSettings::S3(s3) => BlobSettings::S3(remote(s3)),
    }
}

fn remote(s3: &S3StoreSettings) -> S3Settings {
    // An endpoint on this machine may do without TLS: its bodies are sealed, and no one else sees the wire.
    let local = s3.endpoint.starts_with("http://127.0.0.1") || s3.endpoint.starts_with("http://localhost");
    S3Settings {
        endpoint: Some(s3.endpoint.clone()),
        bucket: s3.bucket.clone(),
        region: s3.region.clone(),
        access_key_id: s3.access_key_id.clone(),
        secret_file: s3.secret_key_file.clone(),
        prefix: s3.prefix.clone(),
        transport: if local { Transport::PlainHttp } else { Transport::Tls },
        ca: s3.ca.clone(),
    }
}
