use std::path::PathBuf;

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
