//! What holds where the file says nothing. A test compares it with `config/hozon.toml`.

use super::Profile;
use super::raw::{
    Access, Admin, Catalogue, Cipher, Cors, Form, HostName, Index, Keys, Level, Listener, Log, Raw, Region, Root, S3, Scrub, Seal, Tls,
};
use super::stores::Store;
use super::within::Within;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

impl Default for Raw {
    fn default() -> Self {
        Self {
            profile: Profile::StrictJp,
            region: Region("ap-northeast-1".to_owned()),
            listener: Listener::default(),
            s3: S3::default(),
            cors: Cors::default(),
            admin: Admin::default(),
            index: Index::default(),
            store: Store::default(),
            replica: None,
            backup: None,
            root: Root::default(),
            keys: Keys::default(),
            seal: Seal::default(),
            scrub: Scrub::default(),
            catalogue: Catalogue::default(),
            access: Access::default(),
            log: Log::default(),
        }
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 9000)),
            base_domain: HostName("localhost".to_owned()),
            tls: Tls::Only13,
            certificate: PathBuf::from("/etc/hozon/server.pem"),
            private_key: PathBuf::from("/etc/hozon/server.key"),
            connections_max: Within::near(1_024),
            requests_max: Within::near(256),
            header_bytes_max: Within::near(32_768),
            headers_max: Within::near(128),
            header_secs_max: Within::near(10),
            idle_secs_max: Within::near(75),
            body_pause_secs_max: Within::near(30),
            write_stall_secs_max: Within::near(30),
            streams_max: Within::near(64),
            requests_per_second: Within::near(2_000),
            requests_burst: Within::near(4_000),
            unproven_per_second: Within::near(50),
            unproven_burst: Within::near(1_000),
            drain_secs_max: Within::near(60),
        }
    }
}

impl Default for S3 {
    fn default() -> Self {
        Self { presign_secs_max: Within::near(900) }
    }
}

impl Default for Cors {
    fn default() -> Self {
        Self { allowed_origins: Vec::new(), max_age_secs: Within::near(600) }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { socket: PathBuf::from("/run/hozon/admin.sock"), metrics_listen: None }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { path: PathBuf::from("/var/lib/hozon/index.sqlite"), readers: Within::near(4), postgres: None }
    }
}

/// Connections to a database that is named without saying how many.
pub(super) fn database_connections() -> Within<2, 1_000> {
    Within::near(16)
}

/// Seconds to connect in, where none are said.
pub(super) fn database_connect_secs() -> Within<1, 60> {
    Within::near(5)
}

/// Seconds to answer in, where none are said.
pub(super) fn database_answer_secs() -> Within<1, 300> {
    Within::near(15)
}

impl Default for Store {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("/var/lib/hozon/blobs"),
            connect_secs_max: Within::near(5),
            answer_secs_max: Within::near(30),
            request_secs_max: Within::near(300),
            retries_max: Within::near(3),
            retry_secs_max: Within::near(20),
            s3: None,
            azure: None,
            gcs: None,
        }
    }
}

impl Default for Root {
    fn default() -> Self {
        Self { key_file: PathBuf::from("/etc/hozon/root.key"), passphrase_file: None }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self { lease_secs: Within::near(900) }
    }
}

impl Default for Seal {
    fn default() -> Self {
        Self { cipher: Cipher::AesGcm }
    }
}

impl Default for Scrub {
    fn default() -> Self {
        Self { cycle_days: Within::near(30), bytes_per_second: Within::near(52_428_800) }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level::Info, form: Form::Text }
    }
}
