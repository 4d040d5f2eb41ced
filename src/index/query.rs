use crate::domain::{ETag, PrincipalId, UploadId, UtcTime, VersionId};
use crate::engine::{Nullness, VersionKind};
use std::fmt;

/// What a listing of keys shall show. `Debug` of it and of all below shows no name.
#[derive(Clone, Default)]
pub struct ListQuery {
    /// Only keys that begin with it.
    pub prefix: String,
    /// Keys that have it after the prefix are shown once, as the prefix up to and including it. Empty is none.
    pub delimiter: Option<String>,
    /// Only what comes after it. Where it lies under a common prefix, that prefix counts as shown.
    pub after: Option<String>,
    /// How many items at most.
    pub limit: usize,
}

/// One item of a listing of keys.
#[derive(Clone, PartialEq, Eq)]
pub enum ListItem {
    /// A key whose newest version has content.
    Key {
        /// The whole key.
        key: String,
        /// Its tag.
        etag: ETag,
        /// Plaintext bytes.
        size: u64,
        /// When it was written.
        modified: UtcTime,
        /// The newest version.
        version: VersionId,
    },
    /// A common prefix.
    Prefix(String),
}

impl ListItem {
    /// The key or common prefix.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Key { key, .. } | Self::Prefix(key) => key,
        }
    }
}

/// One page of a listing of keys.
#[derive(Clone, Default)]
pub struct ListPage {
    /// The items, in the byte order of their keys and prefixes.
    pub items: Vec<ListItem>,
    /// Whether there is more.
    pub more: bool,
    /// The last item's key or prefix: `after` of the next page.
    pub last: Option<String>,
}

/// Where inside one key's versions a listing goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionMarker {
    /// After the version with this id.
    Id(VersionId),
    /// After the null version.
    Null,
}

/// What a listing of versions shall show.
#[derive(Clone, Default)]
pub struct VersionsQuery {
    /// Only keys that begin with it.
    pub prefix: String,
    /// As in [`ListQuery`].
    pub delimiter: Option<String>,
    /// Only what comes after this key, or after `version_marker` of it.
    pub key_marker: Option<String>,
    /// Where in the versions of `key_marker` to go on. If that version has gone, all that the key still has are shown.
    pub version_marker: Option<VersionMarker>,
    /// How many items at most.
    pub limit: usize,
}

/// One item of a listing of versions.
#[derive(Clone, PartialEq, Eq)]
pub enum VersionItem {
    /// A version or delete marker.
    Version {
        /// The whole key.
        key: String,
        /// The version.
        version: VersionId,
        /// Whether it is the null version.
        null: Nullness,
        /// Content or delete marker.
        kind: VersionKind,
        /// Whether it is the newest of its key.
        is_latest: bool,
        /// Its tag.
        etag: ETag,
        /// Plaintext bytes.
        size: u64,
        /// When it was written.
        modified: UtcTime,
    },
    /// A common prefix.
    Prefix(String),
}

/// One page of a listing of versions.
#[derive(Clone, Default)]
pub struct VersionsPage {
    /// The items: keys and prefixes in byte order, versions of a key newest first.
    pub items: Vec<VersionItem>,
    /// Whether there is more.
    pub more: bool,
    /// The last item: `key_marker` and `version_marker` of the next page.
    pub last: Option<(String, Option<VersionMarker>)>,
}

/// What a listing of open uploads shall show.
#[derive(Clone, Default)]
pub struct UploadsQuery {
    /// Only keys that begin with it.
    pub prefix: String,
    /// As in [`ListQuery`].
    pub delimiter: Option<String>,
    /// Only what comes after this key, or after `upload_marker` of it.
    pub key_marker: Option<String>,
    /// Where in the uploads of `key_marker` to go on. If that upload has gone, all that the key still has are shown.
    pub upload_marker: Option<UploadId>,
    /// How many items at most.
    pub limit: usize,
}

/// One item of a listing of uploads.
#[derive(Clone, PartialEq, Eq)]
pub enum UploadItem {
    /// An open upload.
    Upload {
        /// The whole key.
        key: String,
        /// The upload.
        id: UploadId,
        /// Who opened it.
        initiator: PrincipalId,
        /// When.
        created: UtcTime,
        /// The checksum that the client announced.
        checksum: Option<(crate::domain::ChecksumAlgorithm, crate::domain::ChecksumType)>,
        /// What policy looks at of it.
        facts: super::EntryFacts,
    },
    /// A common prefix.
    Prefix(String),
}

/// One page of a listing of uploads.
#[derive(Clone, Default)]
pub struct UploadsPage {
    /// The items: keys and prefixes in byte order, uploads of a key oldest first.
    pub items: Vec<UploadItem>,
    /// Whether there is more.
    pub more: bool,
    /// The last item: `key_marker` and `upload_marker` of the next page.
    pub last: Option<(String, Option<UploadId>)>,
}

macro_rules! nameless_debug {
    ($($query:ident: $($field:ident),+;)+) => {
        $(impl fmt::Debug for $query {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($query))$(.field(stringify!($field), &self.$field))+.finish_non_exhaustive()
            }
        })+
    };
}

nameless_debug! {
    ListQuery: limit;
    VersionsQuery: version_marker, limit;
    UploadsQuery: upload_marker, limit;
    ListPage: items, more;
    VersionsPage: items, more;
    UploadsPage: items, more;
}

macro_rules! nameless_item_debug {
    ($($item:ident::$variant:ident { $id:ident };)+) => {
        $(impl fmt::Debug for $item {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::$variant { key, $id, .. } => write!(f, concat!(stringify!($variant), "({} bytes, {:?})"), key.len(), $id),
                    Self::Prefix(prefix) => write!(f, "Prefix({} bytes)", prefix.len()),
                }
            }
        })+
    };
}

nameless_item_debug! {
    ListItem::Key { version };
    VersionItem::Version { version };
    UploadItem::Upload { id };
}
