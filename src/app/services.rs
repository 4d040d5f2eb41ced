use super::StartError;
use super::decisions::{Decisions, Ground};
use crate::access::Access;
use crate::audit::{Journal, OutcomeLog, ProviderLog};
use crate::backup::{BackupKeys, Keeper, KeeperParts, KeeperSettings};
use crate::blob::{Archive, BlobSettings, BlobStore, ReplicaSettings};
use crate::config::{Profile, Settings};
use crate::domain::{Clock, JobTypes, Live, NodeId, RecordClasses, SystemClock, UtcTime, causes, limits};
use crate::engine::{self, Engine, IndexSettings};
use crate::identity::{Authenticator, People};
use crate::index::Index;
use crate::keys::Keyring;
use crate::leases::{Leases, Monotonic, SystemMonotonic};
use crate::meters::Meters;
use crate::objects::Objects;
use crate::oversight::Oversight;
use crate::policy::{Gate, Rules};
use crate::root::Root;
use crate::s3::Rates;
use crate::seal::{Aead, PlainPool};
use crate::upkeep::{Pairing, Scrub, ScrubBounds, ScrubParts, ScrubSettings};
use std::sync::Arc;
use std::time::Duration;

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
    /// What tenants have laid down about access.
    pub access: Arc<Access>,
    /// What decisions go by.
    pub rules: Live<Rules>,
    /// Decisions.
    pub gate: Arc<Gate>,
    /// Sealed bytes.
    pub blobs: BlobStore,
    /// Whether they are those of the index.
    pub pairing: Arc<Pairing>,
    /// Reads every stored body again, in turns.
    pub scrub: Arc<Scrub>,
    /// When and how fast it does.
    pub scrub_settings: Live<ScrubSettings>,
    /// Keeps a backup of the index, where one is set up.
    pub keeper: Option<Arc<Keeper>>,
    /// How often it is written.
    pub keeper_settings: Option<Live<KeeperSettings>>,
    /// Verbs on records.
    pub objects: Objects,
    /// How many requests callers may send.
    pub rates: Rates,
    /// The longest life of a presigned URL.
    pub presign_life_max: Live<Duration>,
    /// What kinds of records there are.
    pub classes: Live<RecordClasses>,
    /// What job types there are.
    pub job_types: Live<JobTypes>,
    /// Outcomes on their way to the log.
    pub outcomes: OutcomeLog,
}

/// Idle buffers for opened bytes that are kept: 4 MiB.
const IDLE_BUFFERS: usize = 16;

impl Services {
    /// What watches over access.
    #[must_use]
    pub fn oversight(&self) -> Oversight {
        Oversight {
            gate: Arc::clone(&self.gate),
            people: Arc::clone(&self.people),
            access: Arc::clone(&self.access),
            clock: Arc::clone(&self.clock),
        }
    }

    /// Builds everything that needs no network of our own.
    ///
    /// # Errors
    /// [`StartError`] names the part that cannot be had.
    pub async fn build(settings: &Settings) -> Result<Self, StartError> {
        let (clock, aead): (Arc<dyn Clock>, Aead) = (Arc::new(SystemClock), Aead::checked(settings.aead)?);
        let root = Arc::new(Root::open_file(&settings.root.key_file, &settings.root.protection())?);
        apart(&root, settings)?;
        let (meters, node, engine) = (Arc::new(Meters::new()), NodeId::random(), engine::open(&settings.index, Arc::clone(&clock)).await?);
        let blobs = stores(settings, &meters)?;
        let monotonic: Arc<dyn Monotonic> = Arc::new(SystemMonotonic::start());
        let leases = Arc::new(Leases::new(Arc::clone(&engine), Arc::clone(&root), settings.leases, Arc::clone(&monotonic)));
        blobs.probe(clock.now()).await?;
        probe_replica(&blobs, clock.now()).await?;

        let index = Arc::new(Index::new(Arc::clone(&engine), Arc::clone(&leases)));
        let journal = Arc::new(Journal::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&clock), node, Arc::clone(&meters)));
        let outcomes = OutcomeLog::start(Arc::clone(&journal), Arc::clone(&meters));
        let provider_log = Arc::new(ProviderLog::new(Arc::clone(&engine), Arc::clone(&clock)));
        let ground = Ground { engine: &engine, leases: &leases, clock: &clock, index: &index, journal: &journal };
        let Decisions { authenticator, people, access, rules, gate } = Decisions::build(&ground, monotonic, settings)?;
        let (classes, job_types) = (Live::new(settings.record_classes.clone()), Live::new(settings.job_types.clone()));
        let objects = Objects {
            gate: Arc::clone(&gate),
            index: Arc::clone(&index),
            keys: Arc::new(Keyring::new(Arc::clone(&leases))),
            blobs: blobs.clone(),
            outcomes: outcomes.clone(),
            journal: Arc::clone(&journal),
            clock: Arc::clone(&clock),
            classes: classes.clone(),
            aead,
            pool: PlainPool::new(IDLE_BUFFERS, limits::SEGMENT_CHUNKS * limits::CHUNK_BYTES),
        };
        let (pairing, scrub_settings) = (Arc::new(Pairing::new(Arc::clone(&engine), blobs.clone())), Live::new(settings.scrub));
        let parts = ScrubParts {
            engine: Arc::clone(&engine),
            blobs: blobs.clone(),
            journal: Arc::clone(&journal),
            clock: Arc::clone(&clock),
            pairing: Arc::clone(&pairing),
            meters: Arc::clone(&meters),
            node,
        };
        let (keeper, keeper_settings) = keeper(settings, &parts, root)?.unzip();
        let scrub = Arc::new(Scrub::new(parts, scrub_settings.clone(), ScrubBounds::default()));
        let (rates, presign_life_max) = (Rates::new(settings.rates), Live::new(settings.presign_life_max));
        Ok(Self {
            rates,
            presign_life_max,
            clock,
            meters,
            engine,
            leases,
            index,
            journal,
            provider_log,
            authenticator,
            people,
            access,
            rules,
            gate,
            pairing,
            scrub,
            scrub_settings,
            keeper,
            keeper_settings,
            blobs,
            objects,
            classes,
            job_types,
            outcomes,
        })
    }
}

type Kept = (Arc<Keeper>, Live<KeeperSettings>);

/// What keeps a backup, with its settings, where one is set up.
fn keeper(settings: &Settings, with: &ScrubParts, root: Arc<Root>) -> Result<Option<Kept>, StartError> {
    let Some(backup) = &settings.backup else { return Ok(None) };
    let parts = KeeperParts {
        engine: Arc::clone(&with.engine),
        archive: Archive::open(&backup.store).map_err(StartError::Backup)?,
        keys: BackupKeys::new(root),
        clock: Arc::clone(&with.clock),
        meters: Arc::clone(&with.meters),
        node: with.node,
    };
    let live = Live::new(backup.keeper);
    Ok(Some((Arc::new(Keeper::new(parts, live.clone(), limits::JOB_LEASE)), live)))
}

/// The store, with its replica where one is set up.
fn stores(settings: &Settings, meters: &Arc<Meters>) -> Result<BlobStore, StartError> {
    let store = BlobStore::open(&settings.store)?;
    let Some(ReplicaSettings { store: replica, mode, failover_after }) = &settings.replica else { return Ok(store) };
    let replica = BlobStore::open(replica).map_err(StartError::Replica)?;
    Ok(store.with_replica(&replica, *mode, *failover_after, Arc::clone(meters)))
}

/// A replica that breaks a promise is refused. One that is away is not: that is what there are two stores for.
async fn probe_replica(blobs: &BlobStore, now: UtcTime) -> Result<(), StartError> {
    let Some(replica) = blobs.from_replica() else { return Ok(()) };
    match replica.probe(now).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_of_store() => {
            tracing::error!(error = causes(&error), "the replica cannot be used now");
            Ok(())
        }
        Err(error) => Err(StartError::ReplicaProbe(error)),
    }
}

/// Refuses, under profile `strict-jp`, a root key that lies with the data: whoever carries one off would have the
/// other (CR-04). A directory that is not there yet holds no key.
///
/// # Errors
/// [`StartError::RootWithData`].
pub fn apart(root: &Root, settings: &Settings) -> Result<(), StartError> {
    if settings.profile != Profile::StrictJp {
        return Ok(());
    }
    let stores = std::iter::once(&settings.store).chain(settings.replica.as_ref().map(|replica| &replica.store));
    let directories = stores.filter_map(BlobSettings::directory);
    let index = match &settings.index {
        IndexSettings::Sqlite(settings) => settings.path.parent(),
        IndexSettings::Postgres(_) => None,
    };
    for data in directories.chain(index).filter(|data| data.exists()) {
        root.check_production(data).map_err(StartError::RootWithData)?;
    }
    Ok(())
}
