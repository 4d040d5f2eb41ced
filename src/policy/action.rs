use crate::audit::{PendingEvent, Receipt};
use crate::domain::{BucketName, ObjectKey, Right, VersionId};
use crate::index::{Bucket, Found, Upload, Version};

mod sealed {
    pub trait Sealed {}
}

/// Something a caller may ask for. A closed set: one type for each enforcement point.
pub trait Action: sealed::Sealed {
    /// The right it needs.
    const RIGHT: Right;
    /// What an admission names: found by the gate, and used by whoever spends the admission.
    type Subject: std::fmt::Debug + Send;
    /// How the verdict is on record: already, or in the transaction of the change.
    type Record: std::fmt::Debug + Send;
}

macro_rules! action {
    ($(#[$doc:meta])* $name:ident, $right:ident, $subject:ty, $record:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Action for $name {
            const RIGHT: Right = Right::$right;
            type Subject = $subject;
            type Record = $record;
        }
    };
}

action! {
    /// Read a version's content or attributes.
    Read, Read, ReadSubject, Receipt
}
action! {
    /// List keys, versions or uploads.
    List, List, ListSubject, Receipt
}
action! {
    /// Write a new version, or open or complete an upload.
    Write, WriteDraft, WriteSubject, PendingEvent
}
action! {
    /// Add a part to an open upload.
    AddPart, WriteDraft, UploadSubject, PendingEvent
}
action! {
    /// List the parts of an open upload.
    ViewUpload, WriteDraft, UploadSubject, Receipt
}
action! {
    /// Abort an open upload.
    AbortUpload, WriteDraft, UploadSubject, PendingEvent
}
action! {
    /// Delete a version, or hide a key behind a delete marker.
    Delete, DeleteDraft, DeleteSubject, PendingEvent
}
action! {
    /// Replace the tags of a version.
    TagVersion, WriteDraft, ReadSubject, PendingEvent
}
action! {
    /// See that a bucket exists and how it is set.
    ViewBucket, List, Bucket, Receipt
}
action! {
    /// Change or delete a bucket.
    ManageBucket, ManageBucket, Bucket, PendingEvent
}
action! {
    /// Make a bucket.
    MakeBucket, ManageBucket, MakeSubject, PendingEvent
}
action! {
    /// See the names of the buckets on which one has any right.
    ListBuckets, List, TenantSubject, Receipt
}
action! {
    /// Search the audit log.
    ReadAudit, ReadAudit, TenantSubject, Receipt
}
action! {
    /// Change what the tenant has laid down about access, or ask for such a change (AC-07).
    ManagePolicy, ManagePolicy, TenantSubject, PendingEvent
}
action! {
    /// See what the tenant has laid down about access.
    ViewPolicy, ManagePolicy, TenantSubject, Receipt
}
action! {
    /// Say who cares for a patient (AC-03).
    ManageCare, ManageCare, TenantSubject, PendingEvent
}
action! {
    /// Reach a patient's records in an emergency (BG-04).
    BreakGlass, BreakGlass, TenantSubject, PendingEvent
}
action! {
    /// Review what was done in emergencies (BG-05).
    ReviewAccess, ReadAudit, TenantSubject, PendingEvent
}

/// One version, exactly as it was when the gate looked.
#[derive(Debug)]
pub struct ReadSubject {
    /// Where.
    pub bucket: Bucket,
    /// Its key.
    pub key: ObjectKey,
    /// The version, with its row's revision.
    pub version: Version,
}

/// A place to be listed.
#[derive(Debug)]
pub struct ListSubject {
    /// Where.
    pub bucket: Bucket,
    /// Which entries show.
    pub filter: super::EntryFilter,
}

/// A key to be written, exactly as it was when the gate looked.
#[derive(Debug)]
pub struct WriteSubject {
    /// Where.
    pub bucket: Bucket,
    /// Its key.
    pub key: ObjectKey,
    /// What is there now: the parent version, or nothing.
    pub was: Found,
    /// The id that the new version will have.
    pub version: VersionId,
    /// The open upload that is to be completed.
    pub upload: Option<Upload>,
    /// What the caller intends, for deciding again when the key has changed meanwhile.
    pub intent: super::WriteIntent,
}

/// An open upload.
#[derive(Debug)]
pub struct UploadSubject {
    /// Where.
    pub bucket: Bucket,
    /// The upload.
    pub upload: Upload,
}

/// A key or version to be deleted, exactly as it was when the gate looked.
#[derive(Debug)]
pub struct DeleteSubject {
    /// Where.
    pub bucket: Bucket,
    /// Its key.
    pub key: ObjectKey,
    /// What is there now; its version is the one named, or the newest.
    pub was: Found,
    /// Whether one version is meant, or the key.
    pub target: crate::engine::Which,
    /// The id that a delete marker will have.
    pub marker: VersionId,
}

/// A bucket that does not exist yet.
#[derive(Debug)]
pub struct MakeSubject {
    /// Its name.
    pub name: BucketName,
}

/// The caller's whole tenant.
#[derive(Debug)]
pub struct TenantSubject;
