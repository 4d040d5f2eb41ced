use crate::domain::BucketId;
use crate::engine::Token;
use crate::seal::{KeyUse, MacKey, MasterKey, NameKey, TokenKind, TokenSecret, UseKey};
use std::fmt;

/// All versions of a tenant key for one purpose that may be used.
pub(super) struct Versions<K> {
    active: K,
    others: Vec<(u32, K)>,
    active_version: u32,
}

impl<K> Versions<K> {
    pub(super) const fn new(active_version: u32, active: K, others: Vec<(u32, K)>) -> Self {
        Self { active, others, active_version }
    }

    pub(super) fn version(&self, version: u32) -> Option<&K> {
        if version == self.active_version {
            return Some(&self.active);
        }
        self.others.iter().find(|(number, _)| *number == version).map(|(_, key)| key)
    }
}

macro_rules! shown_without_keys {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

shown_without_keys!(IndexKeys, IndexKey, AuditKeys, AuditKey, DataKeys, DataKey);

/// A tenant's keys for names, attributes, tokens and row MACs. Wiped when the last holder lets go.
pub struct IndexKeys {
    versions: Versions<IndexKey>,
    secret: TokenSecret,
}

/// One version of them.
pub struct IndexKey {
    /// Its number, as rows carry it.
    pub version: u32,
    /// Seals attributes, tags, profiles and part checksums.
    pub attributes: UseKey,
    /// Makes row MACs.
    pub row_mac: MacKey,
    /// Seals sorted runs of directories.
    pub runs: UseKey,
    /// Wraps secrets.
    pub wrap_secret: UseKey,
    /// Seals continuation tokens.
    pub cursor: UseKey,
    /// Seals session credentials.
    pub session: UseKey,
    master: MasterKey,
}

impl IndexKeys {
    pub(super) const fn new(versions: Versions<IndexKey>, secret: TokenSecret) -> Self {
        Self { versions, secret }
    }

    /// The version that seals what is new.
    #[must_use]
    pub const fn active(&self) -> &IndexKey {
        &self.versions.active
    }

    /// The version with this number, unless it is destroyed or never was.
    #[must_use]
    pub fn version(&self, version: u32) -> Option<&IndexKey> {
        self.versions.version(version)
    }

    /// The token of `value`. The scope of keys and directories is the bucket, that of patients the tenant.
    #[must_use]
    pub fn token(&self, kind: TokenKind, scope: &[u8; 16], value: &[u8]) -> Token {
        Token(self.secret.token(kind, scope, value))
    }
}

impl IndexKey {
    pub(super) fn derive(version: u32, master: MasterKey) -> Self {
        Self {
            version,
            attributes: master.derive(KeyUse::SealAttributes),
            row_mac: master.derive(KeyUse::RowMac).mac_key(),
            runs: master.derive(KeyUse::SealRun),
            wrap_secret: master.derive(KeyUse::WrapSecret),
            cursor: master.derive(KeyUse::Cursor),
            session: master.derive(KeyUse::Session),
            master,
        }
    }

    /// The key for the names in one directory. Deriving it costs some microseconds: keep it while listing.
    #[must_use]
    pub fn name_key(&self, bucket: BucketId, directory: &Token) -> NameKey {
        self.master.derive(KeyUse::SealName { bucket, directory: directory.0 }).name_key()
    }
}

/// A tenant's keys for the audit log. Wiped when the last holder lets go.
pub struct AuditKeys(Versions<AuditKey>);

/// One version of them.
pub struct AuditKey {
    /// Its number, as rows carry it.
    pub version: u32,
    /// Wraps event keys.
    pub wrap_event_key: UseKey,
}

impl AuditKeys {
    pub(super) const fn new(versions: Versions<AuditKey>) -> Self {
        Self(versions)
    }

    /// The version that wraps what is new.
    #[must_use]
    pub const fn active(&self) -> &AuditKey {
        &self.0.active
    }

    /// The version with this number, unless it is destroyed or never was.
    #[must_use]
    pub fn version(&self, version: u32) -> Option<&AuditKey> {
        self.0.version(version)
    }
}

impl AuditKey {
    pub(super) fn derive(version: u32, master: &MasterKey) -> Self {
        Self { version, wrap_event_key: master.derive(KeyUse::WrapEventKey) }
    }
}

/// A tenant's keys for data keys of versions. Wiped when the last holder lets go.
pub struct DataKeys(Versions<DataKey>);

/// One version of them.
pub struct DataKey {
    /// Its number, as rows carry it.
    pub version: u32,
    /// Wraps data keys.
    pub wrap_dek: UseKey,
}

impl DataKeys {
    pub(super) const fn new(versions: Versions<DataKey>) -> Self {
        Self(versions)
    }

    /// The version that wraps what is new.
    #[must_use]
    pub const fn active(&self) -> &DataKey {
        &self.0.active
    }

    /// The version with this number, unless it is destroyed or never was.
    #[must_use]
    pub fn version(&self, version: u32) -> Option<&DataKey> {
        self.0.version(version)
    }
}

impl DataKey {
    pub(super) fn derive(version: u32, master: &MasterKey) -> Self {
        Self { version, wrap_dek: master.derive(KeyUse::WrapDek) }
    }
}
