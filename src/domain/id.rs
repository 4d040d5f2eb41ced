use std::fmt;
use uuid::Uuid;

/// The text is not one of our ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 hexadecimal digits")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        id! { $(#[$doc])* $name = Uuid::new_v4, "A new random id, 122 bits from the operating system's generator." }
    };
    ($(#[$doc:meta])* $name:ident = $make:expr, $made:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            #[doc = $made]
            #[must_use]
            pub fn random() -> Self {
                Self($make())
            }

            /// The id with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The sixteen bytes, as they stand in formats and rows.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id written as `text`: 32 hexadecimal digits, hyphens allowed.
            ///
            /// # Errors
            /// [`InvalidId`] for any other text.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.simple())
            }
        }
    };
}

id! {
    /// One medical institution. Every stored byte belongs to exactly one.
    TenantId
}
id! {
    /// One bucket of one tenant. Sealing binds this id, so a bucket's name may change.
    BucketId
}
id! {
    /// One immutable content of a record.
    VersionId
}
id! {
    /// One attempt to upload one part. A repeated part is a new attempt with its own key and salt.
    AttemptId
}
id! {
    /// One open multipart upload.
    UploadId
}
id! {
    /// One row of the listing: a key or a directory.
    EntryId
}
id! {
    /// One sorted run of a directory's names.
    RunId
}
id! {
    /// One person, app, device or operator.
    PrincipalId
}
id! {
    /// One audit event; also the request id that callers see. In the order of time (RFC 9562 §5.7), so that a log of
    /// any length grows at the end of its index: a random place for each event would cost a page written for each.
    EventId = Uuid::now_v7, "A new id: the time in milliseconds, then a counter and random bits."
}
id! {
    /// One short-lived key that seals audit events.
    EventKeyId
}
id! {
    /// One unbroken backup: snapshots of the index and the journal of its changes between them, without a gap.
    ChainId
}

id! {
    /// One store of bodies, as the marker in it says.
    StoreId
}
id! {
    /// One running gateway process.
    NodeId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_from_its_text() {
        let id = VersionId::random();
        assert_eq!(VersionId::parse(&id.to_string()), Ok(id));
        assert_eq!(id.to_string().len(), 32);
        assert_eq!(VersionId::parse("null"), Err(InvalidId));
    }

    #[test]
    fn ids_of_events_are_in_the_order_in_which_they_were_made() {
        let ids: Vec<EventId> = (0..10_000).map(|_| EventId::random()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
    }
}
