use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where blobs are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobSettings {
    /// In files below a directory of this machine.
    Local {
        /// The directory.
        directory: PathBuf,
    },
    /// In memory, for tests: a restart loses everything.
    Memory,
    /// In a bucket of an S3 service. Needs the feature `s3-store`.
    S3(S3Settings),
    /// In a container of an Azure storage account. Needs the feature `azure-store`.
    Azure(AzureSettings),
    /// In a bucket of Google Cloud Storage. Needs the feature `gcs-store`.
    Gcs(GcsSettings),
}

/// A second store that holds the same blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaSettings {
    /// Where it is.
    pub store: BlobSettings,
    /// When it is written.
    pub mode: ReplicaMode,
    /// A read that the first store has not answered after this long is tried at the replica.
    pub failover_after: Duration,
}

/// When the replica is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaMode {
    /// Before a write is acknowledged: both stores hold every acknowledged body, and neither can be missed.
    Before,
    /// Behind it, as soon as may be. What waits is forgotten when the process ends; the scrub copies it then.
    Behind,
}

impl BlobSettings {
    /// The directory, where it is one of this machine.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Local { directory } => Some(directory),
            Self::Memory | Self::S3(_) | Self::Azure(_) | Self::Gcs(_) => None,
        }
    }

    /// Whether both are the same place, as far as their settings say.
    #[must_use]
    pub fn is_place_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local { directory: one }, Self::Local { directory: other }) => one.starts_with(other) || other.starts_with(one),
            (Self::S3(one), Self::S3(other)) => {
                (&one.endpoint, &one.bucket, &one.prefix) == (&other.endpoint, &other.bucket, &other.prefix)
            }
            (Self::Azure(one), Self::Azure(other)) => {
                (&one.account, &one.container, &one.prefix) == (&other.account, &other.container, &other.prefix)
            }
            (Self::Gcs(one), Self::Gcs(other)) => {
                (&one.endpoint, &one.bucket, &one.prefix) == (&other.endpoint, &other.bucket, &other.prefix)
            }
            _ => false,
        }
    }
}

/// A bucket of an S3 service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// The service's address, such as `https://s3.example`; the region's own at AWS where absent.
    pub endpoint: Option<String>,
    /// The bucket, which must exist.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The public half of the credential.
    pub access_key_id: String,
    /// A file with the secret half, which only its owner may open.
    pub secret_file: PathBuf,
    /// What every object's name begins with; empty for none.
    pub prefix: String,
    /// How the service is reached.
    pub transport: Transport,
    /// A file with further CA certificates (PEM) to trust.
    pub ca: Option<PathBuf>,
    /// How long it is waited for, and how often asked again.
    pub patience: Patience,
}

/// A container of an Azure storage account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureSettings {
    /// The account's name.
    pub account: String,
    /// The container, which must exist.
    pub container: String,
    /// What the file with the secret holds.
    pub credential: AzureCredential,
    /// A file with the secret, which only its owner may open.
    pub secret_file: PathBuf,
    /// The account's address; the one that Azure gives it where absent.
    pub endpoint: Option<String>,
    /// What every object's name begins with; empty for none.
    pub prefix: String,
    /// How the service is reached.
    pub transport: Transport,
    /// A file with further CA certificates (PEM) to trust.
    pub ca: Option<PathBuf>,
    /// How long it is waited for, and how often asked again.
    pub patience: Patience,
}

/// What proves to Azure who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AzureCredential {
    /// A key of the whole account.
    AccessKey,
    /// A shared access signature, which may be for the container only.
    Sas,
}

/// A bucket of Google Cloud Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcsSettings {
    /// The bucket, which must exist.
    pub bucket: String,
    /// A file with a service account and its private key (JSON), which only its owner may open.
    pub service_account_file: PathBuf,
    /// The service's address; Google's own where absent.
    pub endpoint: Option<String>,
    /// What every object's name begins with; empty for none.
    pub prefix: String,
    /// How the service is reached.
    pub transport: Transport,
    /// A file with further CA certificates (PEM) to trust.
    pub ca: Option<PathBuf>,
    /// How long it is waited for, and how often asked again.
    pub patience: Patience,
}

/// How a remote store is reached. Bodies are sealed either way; names and sizes are not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transport {
    /// Over TLS only.
    #[default]
    Tls,
    /// Over plain HTTP where the address says so: for a store on the same machine.
    PlainHttp,
}

/// How long a remote store is waited for, and how often it is asked again.
///
/// A request is asked again where that can do no harm: when nothing of it was sent, when the store says that it failed,
/// and when asking twice is the same as asking once. Blobs are never changed, so writing one again is that too.
/// Pauses grow and are random, so that many nodes do not ask a store that comes back all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until a connection stands.
    pub connect: Duration,
    /// From the begin of a request, with the part that it brings, to the begin of its answer; then between any two
    /// pieces of the answer.
    pub answer: Duration,
    /// For one request and its answer as a whole.
    pub request: Duration,
    /// How often a request is asked again.
    pub retries: usize,
    /// After this long it is not asked again.
    pub retry_time: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            request: Duration::from_secs(300),
            retries: 3,
            retry_time: Duration::from_secs(20),
        }
    }
}
