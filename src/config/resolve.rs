use super::Profile;
use super::error::{ConfigError, Conflict};
use super::raw::{Cipher, Cors, DatabaseHost, Form, Index, Level, Listener, Raw, Scrub, Tls};
use super::stores;
use super::{catalogue, grid};
use crate::backup::BackupSettings;
use crate::blob::{BlobSettings, ReplicaSettings};
use crate::domain::{AccessGrid, Factors, JobTypes, PatientsNamed, RecordClasses};
use crate::engine::{IndexSettings, PostgresSettings, PostgresTls, SqliteSettings};
use crate::leases::LeaseSettings;
use crate::listener::{CorsSettings, ListenerSettings, TlsSettings, TlsVersions, WireSettings};
use crate::root::{Passphrase, Protection};
use crate::s3::{Pace, RateSettings};
use crate::seal::Aead;
use crate::upkeep::ScrubSettings;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The whole configuration as meant.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How strict the gateway is with itself.
    pub profile: Profile,
    /// What clients sign their requests for, beside `us-east-1`.
    pub region: String,
    /// How the data listener listens.
    pub listener: ListenerSettings,
    /// How many requests callers may send.
    pub rates: RateSettings,
    /// The longest life of a presigned URL.
    pub presign_life_max: Duration,
    /// Where the admin listener's Unix socket is.
    pub admin_socket: PathBuf,
    /// The loopback address of metrics and health, beside the socket.
    pub metrics_listen: Option<SocketAddr>,
    /// Where the index is.
    pub index: IndexSettings,
    /// Where blobs are.
    pub store: BlobSettings,
    /// The second store that holds the same blobs; none unless set up.
    pub replica: Option<ReplicaSettings>,
    /// The backup of the index; none unless set up.
    pub backup: Option<BackupSettings>,
    /// Where the root key is.
    pub root: RootSettings,
    /// How long unwrapped tenant keys are held without asking again.
    pub leases: LeaseSettings,
    /// Which library runs the cipher.
    pub aead: Aead,
    /// When and how fast stored bodies are read again.
    pub scrub: ScrubSettings,
    /// What kinds of records there are.
    pub record_classes: RecordClasses,
    /// What job types there are.
    pub job_types: JobTypes,
    /// Which job type may do what with which record class.
    pub access_grid: AccessGrid,
    /// When a record must name its patient.
    pub patients: PatientsNamed,
    /// How many kinds of proof records of patients take.
    pub factors: Factors,
    /// What is logged, and how.
    pub log: LogSettings,
}

/// Where the root key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSettings {
    /// The key file.
    pub key_file: PathBuf,
    /// The file with the passphrase that seals the key file; none where it is not sealed.
    pub passphrase_file: Option<PathBuf>,
}

impl RootSettings {
    /// How the key file is protected.
    #[must_use]
    pub fn protection(&self) -> Protection {
        match &self.passphrase_file {
            Some(file) => Protection::Passphrase(Passphrase::File(file.clone())),
            None => Protection::FileMode,
        }
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// The least important that is logged.
    pub level: tracing::Level,
    /// How.
    pub form: LogForm,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A setting that is weaker than the profile `strict-jp` wants. Shown at each start and in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Deviation {
    /// TLS 1.2 is spoken.
    #[error("listener.tls = \"1.2\": TLS 1.2 is accepted beside 1.3")]
    Tls12,
    /// The key file is not sealed.
    #[error("root.passphrase_file is not set: who copies the key file has the root key")]
    RootInClear,
    /// Callers are not held to a rate.
    #[error("listener.requests_per_second = 0: callers are not held to any rate")]
    NoRate,
    /// Requests that prove nobody are not held to a rate.
    #[error("listener.unproven_per_second = 0: guessing at credentials is not held to any rate")]
    NoUnprovenRate,
    /// Stored bodies are not read again by themselves.
    #[error("scrub.cycle_days = 0: what the medium loses is noticed only when somebody needs it")]
    NoScrub,
    /// No backup of the index is kept.
    #[error("backup is not set: every record is lost with the index")]
    NoBackup,
    /// One factor will do.
    #[error("access.second_factor = false: a person reaches records of patients with one factor")]
    OneFactor,
    /// Details are logged that only people who look for a fault need.
    #[error("log.level = \"debug\": more is logged than operation needs")]
    DebugLog,
}

impl Settings {
    /// What is weaker than the profile `strict-jp` wants; nothing in other profiles.
    #[must_use]
    pub fn deviations(&self) -> Vec<Deviation> {
        if self.profile != Profile::StrictJp {
            return Vec::new();
        }
        let speaks_12 = matches!(&self.listener.wire, WireSettings::Tls(tls) if tls.versions == TlsVersions::From12);
        let found = [
            (speaks_12, Deviation::Tls12),
            (self.root.passphrase_file.is_none(), Deviation::RootInClear),
            (self.rates.principal.is_none(), Deviation::NoRate),
            (self.rates.unproven.is_none(), Deviation::NoUnprovenRate),
            (self.scrub.cycle.is_none(), Deviation::NoScrub),
            (self.backup.is_none(), Deviation::NoBackup),
            (self.factors == Factors::One, Deviation::OneFactor),
            (self.log.level == tracing::Level::DEBUG, Deviation::DebugLog),
        ];
        found.into_iter().filter(|(is_found, _)| *is_found).map(|(_, deviation)| deviation).collect()
    }
}

pub(super) fn resolve(raw: Raw, file: &Path) -> Result<Settings, ConfigError> {
    let conflict = |conflict| ConfigError::Conflict { path: file.to_owned(), conflict };
    if raw.listener.tls == Tls::Off {
        if raw.profile == Profile::StrictJp {
            return Err(conflict(Conflict::PlainInStrict));
        }
        if !raw.listener.address.ip().is_loopback() {
            return Err(conflict(Conflict::PlainBeyondLoopback));
        }
    }
    // An absolute path stays as it is.
    let place = |path: PathBuf| file.parent().map_or_else(|| path.clone(), |dir| dir.join(&path));
    let record_classes = catalogue::record_classes(raw.catalogue.record_classes.map(place).as_deref())?;
    let job_types = catalogue::job_types(raw.catalogue.job_types.map(place).as_deref())?;
    let stores::Stores { store, replica, backup } = stores::stores(raw.store, (raw.replica, raw.backup), place).map_err(conflict)?;
    Ok(Settings {
        profile: raw.profile,
        region: raw.region.0,
        rates: rates(&raw.listener),
        listener: listener(raw.listener, raw.cors, place),
        presign_life_max: raw.s3.presign_secs_max.seconds(),
        admin_socket: place(raw.admin.socket),
        metrics_listen: raw.admin.metrics_listen.map(|address| address.0),
        index: index(raw.index, place).map_err(conflict)?,
        store,
        replica,
        backup,
        root: RootSettings { key_file: place(raw.root.key_file), passphrase_file: raw.root.passphrase_file.map(place) },
        leases: LeaseSettings { life: raw.keys.lease_secs.seconds() },
        aead: match raw.seal.cipher {
            Cipher::AesGcm => Aead::AesGcm,
            Cipher::AwsLcRs => Aead::AwsLc,
        },
        scrub: scrub(&raw.scrub),
        access_grid: grid::access_grid(raw.catalogue.access_grid.map(place).as_deref(), &record_classes, &job_types)?,
        record_classes,
        job_types,
        patients: match raw.profile {
            Profile::StrictJp => PatientsNamed::Always,
            Profile::Dev => PatientsNamed::WithStatedClass,
        },
        factors: match raw.access.second_factor {
            Some(true) => Factors::Two,
            Some(false) => Factors::One,
            None if raw.profile == Profile::StrictJp => Factors::Two,
            None => Factors::One,
        },
        log: LogSettings {
            level: match raw.log.level {
                Level::Error => tracing::Level::ERROR,
                Level::Warn => tracing::Level::WARN,
                Level::Info => tracing::Level::INFO,
                Level::Debug => tracing::Level::DEBUG,
            },
            form: match raw.log.form {
                Form::Text => LogForm::Text,
                Form::Json => LogForm::Json,
            },
        },
    })
}

fn index(raw: Index, place: impl Fn(PathBuf) -> PathBuf) -> Result<IndexSettings, Conflict> {
    let Some(postgres) = raw.postgres else {
        return Ok(IndexSettings::Sqlite(SqliteSettings { path: place(raw.path), readers: raw.readers.size() }));
    };
    if postgres.hosts.is_empty() {
        return Err(Conflict::NoDatabase);
    }
    let tls = match postgres.ca {
        Some(ca) => PostgresTls::Verified { ca: place(ca) },
        None if postgres.hosts.iter().all(DatabaseHost::is_here) => PostgresTls::Off,
        None => return Err(Conflict::DatabaseInClear),
    };
    Ok(IndexSettings::Postgres(PostgresSettings {
        hosts: postgres.hosts.into_iter().map(|host| (host.host, host.port)).collect(),
        database: postgres.database,
        schema: postgres.schema.0,
        user: postgres.user,
        password_file: postgres.password_file.map(place),
        tls,
        connections_max: postgres.connections_max.size(),
        connect_time_max: postgres.connect_secs_max.seconds(),
        answer_time_max: postgres.answer_secs_max.seconds(),
    }))
}

fn scrub(raw: &Scrub) -> ScrubSettings {
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let days = raw.cycle_days.small();
    ScrubSettings { cycle: (days > 0).then(|| DAY.saturating_mul(days)), bytes_per_second: raw.bytes_per_second.into() }
}

fn rates(raw: &Listener) -> RateSettings {
    let pace = |per_second: u32, burst: u32| {
        let (per_second, burst) = NonZeroU32::new(per_second).zip(NonZeroU32::new(burst))?;
        Some(Pace { per_second, burst })
    };
    RateSettings {
        principal: pace(raw.requests_per_second.small(), raw.requests_burst.small()),
        unproven: pace(raw.unproven_per_second.small(), raw.unproven_burst.small()),
    }
}

fn listener(raw: Listener, cors: Cors, place: impl Fn(PathBuf) -> PathBuf) -> ListenerSettings {
    let tls = |versions| {
        WireSettings::Tls(TlsSettings { certificate: place(raw.certificate.clone()), key: place(raw.private_key.clone()), versions })
    };
    let wire = match raw.tls {
        Tls::Only13 => tls(TlsVersions::Only13),
        Tls::From12 => tls(TlsVersions::From12),
        Tls::Off => WireSettings::PlainOnLoopback,
    };
    let origins = cors.allowed_origins.into_iter().map(|origin| origin.0).collect();
    ListenerSettings {
        address: raw.address,
        wire,
        base_domains: vec![raw.base_domain.0],
        connections_max: raw.connections_max.size(),
        requests_max: raw.requests_max.size(),
        header_bytes_max: raw.header_bytes_max.size(),
        headers_max: raw.headers_max.size(),
        header_time_max: raw.header_secs_max.seconds(),
        idle_time_max: raw.idle_secs_max.seconds(),
        body_pause_max: raw.body_pause_secs_max.seconds(),
        write_stall_max: raw.write_stall_secs_max.seconds(),
        streams_max: raw.streams_max.small(),
        cors: CorsSettings { origins, age: cors.max_age_secs.seconds() },
        drain_time_max: raw.drain_secs_max.seconds(),
    }
}
