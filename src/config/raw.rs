use super::Profile;
use super::stores::{Backup, Replica, Store};
use super::within::Within;
use crate::blob::Transport;
use http::Uri;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The file as written. Each value is checked as it is read, so that an error knows its line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) profile: Profile,
    pub(super) region: Region,
    pub(super) listener: Listener,
    pub(super) s3: S3,
    pub(super) cors: Cors,
    pub(super) admin: Admin,
    pub(super) index: Index,
    pub(super) store: Store,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replica: Option<Replica>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backup: Option<Backup>,
    pub(super) root: Root,
    pub(super) keys: Keys,
    pub(super) seal: Seal,
    pub(super) scrub: Scrub,
    pub(super) catalogue: Catalogue,
    pub(super) access: Access,
    pub(super) log: Log,
}

/// The name of a region: what clients sign their requests for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Region(pub(super) String);

/// A host name in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct HostName(pub(super) String);

/// The URL of an S3 service: over TLS, or in clear on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) transport: Transport,
}

/// A database server: `host:port`, or the directory of a socket and a port, such as `/run/postgresql:5432`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct DatabaseHost {
    pub(super) host: String,
    pub(super) port: u16,
}

/// The name of a schema, as it can be written without quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Schema(pub(super) String);

/// An address that only this machine reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Loopback(pub(super) SocketAddr);

/// The origin of a web page, as browsers write it: over TLS, or from this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Origin(pub(super) String);

/// What a text must look like.
#[derive(Debug, thiserror::Error)]
#[error("`{found}` is not {wanted}")]
pub(super) struct Misshapen {
    found: String,
    wanted: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Tls {
    #[serde(rename = "1.3")]
    Only13,
    #[serde(rename = "1.2")]
    From12,
    #[serde(rename = "off")]
    Off,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) base_domain: HostName,
    pub(super) tls: Tls,
    pub(super) certificate: PathBuf,
    pub(super) private_key: PathBuf,
    pub(super) connections_max: Within<1, 100_000>,
    pub(super) requests_max: Within<1, 100_000>,
    pub(super) header_bytes_max: Within<4_096, 1_048_576>,
    pub(super) headers_max: Within<16, 1_000>,
    pub(super) header_secs_max: Within<1, 300>,
    pub(super) idle_secs_max: Within<1, 3_600>,
    pub(super) body_pause_secs_max: Within<1, 3_600>,
    pub(super) write_stall_secs_max: Within<1, 3_600>,
    pub(super) streams_max: Within<1, 1_000>,
    pub(super) requests_per_second: Within<0, 1_000_000>,
    pub(super) requests_burst: Within<1, 1_000_000>,
    pub(super) unproven_per_second: Within<0, 1_000_000>,
    pub(super) unproven_burst: Within<1, 1_000_000>,
    pub(super) drain_secs_max: Within<0, 86_400>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct S3 {
    pub(super) presign_secs_max: Within<1, 604_800>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) socket: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metrics_listen: Option<Loopback>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Cors {
    pub(super) allowed_origins: Vec<Origin>,
    pub(super) max_age_secs: Within<0, 86_400>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Index {
    pub(super) path: PathBuf,
    pub(super) readers: Within<1, 64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) postgres: Option<Postgres>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Postgres {
    pub(super) hosts: Vec<DatabaseHost>,
    pub(super) database: String,
    pub(super) user: String,
    #[serde(default)]
    pub(super) schema: Schema,
    #[serde(default)]
    pub(super) password_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) ca: Option<PathBuf>,
    #[serde(default = "super::defaults::database_connections")]
    pub(super) connections_max: Within<2, 1_000>,
    #[serde(default = "super::defaults::database_connect_secs")]
    pub(super) connect_secs_max: Within<1, 60>,
    #[serde(default = "super::defaults::database_answer_secs")]
    pub(super) answer_secs_max: Within<1, 300>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Root {
    pub(super) key_file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    pub(super) lease_secs: Within<10, 86_400>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Cipher {
    AesGcm,
    AwsLcRs,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Seal {
    pub(super) cipher: Cipher,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Scrub {
    pub(super) cycle_days: Within<0, 366>,
    pub(super) bytes_per_second: Within<1_048_576, 1_000_000_000_000>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Catalogue {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record_classes: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) job_types: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) access_grid: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Access {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) second_factor: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Form {
    Text,
    Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    pub(super) level: Level,
    pub(super) form: Form,
}

impl TryFrom<String> for Region {
    type Error = Misshapen;

    fn try_from(text: String) -> Result<Self, Misshapen> {
        let shaped = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if shaped && (1..=64).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(Misshapen { found: text, wanted: "a region, which has 1 to 64 characters of a-z, 0-9 and `-`" })
        }
    }
}

impl TryFrom<String> for HostName {
    type Error = Misshapen;

    fn try_from(text: String) -> Result<Self, Misshapen> {
        let label = |label: &str| {
            (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if text.len() <= 253 && text.split('.').all(label) {
            Ok(Self(text))
        } else {
            Err(Misshapen { found: text, wanted: "a host name in lower case without a port" })
        }
    }
}

impl TryFrom<String> for Endpoint {
    type Error = Misshapen;

    fn try_from(url: String) -> Result<Self, Misshapen> {
        let read = url.parse::<Uri>().ok();
        match read.as_ref().and_then(Uri::scheme_str) {
            Some("https") => Ok(Self { url, transport: Transport::Tls }),
            // The bodies are sealed, and nobody else sees the wire.
            Some("http") if read.as_ref().is_some_and(is_here) => Ok(Self { url, transport: Transport::PlainHttp }),
            _ => Err(Misshapen { found: url, wanted: "an https:// URL, or an http:// URL of this machine" }),
        }
    }
}

/// Whether a URL names this machine.
fn is_here(url: &Uri) -> bool {
    let host = url.host().map(|host| host.trim_start_matches('[').trim_end_matches(']'));
    host.is_some_and(|host| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

impl DatabaseHost {
    /// Whether it names this machine.
    pub(super) fn is_here(&self) -> bool {
        self.host.starts_with('/') || self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl TryFrom<String> for DatabaseHost {
    type Error = Misshapen;

    fn try_from(text: String) -> Result<Self, Misshapen> {
        let read = text.rsplit_once(':').and_then(|(host, port)| Some((host.trim_matches(['[', ']']), port.parse().ok()?)));
        match read {
            Some((host, port)) if !host.is_empty() && !host.contains([' ', ',']) => Ok(Self { host: host.to_owned(), port }),
            _ => Err(Misshapen { found: text, wanted: "a database server with its port, such as db.example:5432 or /run/postgresql:5432" }),
        }
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self("hozon".to_owned())
    }
}

impl TryFrom<String> for Schema {
    type Error = Misshapen;

    fn try_from(text: String) -> Result<Self, Misshapen> {
        let shaped = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let is_name = text.bytes().next().is_some_and(|first| first.is_ascii_lowercase()) && text.len() <= 63;
        if shaped && is_name && !text.starts_with("pg_") {
            Ok(Self(text))
        } else {
            Err(Misshapen { found: text, wanted: "a schema, which has 1 to 63 characters of a-z, 0-9 and `_` and begins with a letter" })
        }
    }
}

impl TryFrom<String> for Loopback {
    type Error = Misshapen;

    fn try_from(text: String) -> Result<Self, Misshapen> {
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self(address)),
            _ => Err(Misshapen { found: text, wanted: "a loopback address with a port, such as 127.0.0.1:9090" }),
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = Misshapen;

    fn try_from(text: String) -> Result<Self, Misshapen> {
        let wanted = "an origin as browsers write it, such as https://viewer.example, without a path";
        let Ok(url) = text.parse::<Uri>() else { return Err(Misshapen { found: text, wanted }) };
        let written = url.scheme_str().zip(url.authority()).map(|(scheme, authority)| format!("{scheme}://{authority}"));
        let is_plain = written.is_some_and(|written| written == text.to_lowercase() && written == text) && !text.contains(['@', '*']);
        match url.scheme_str() {
            Some("https") if is_plain => Ok(Self(text)),
            Some("http") if is_plain && is_here(&url) => Ok(Self(text)),
            _ => Err(Misshapen { found: text, wanted }),
        }
    }
}

impl From<DatabaseHost> for String {
    fn from(host: DatabaseHost) -> Self {
        format!("{}:{}", host.host, host.port)
    }
}

impl From<Schema> for String {
    fn from(schema: Schema) -> Self {
        schema.0
    }
}

impl From<Loopback> for String {
    fn from(address: Loopback) -> Self {
        address.0.to_string()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.url
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}
