//! What every way of writing a version is asked besides its bytes.

use super::answer;
use super::call::Call;
use super::fault::Fault;
use super::metadata::Stated;
use super::tags;
use crate::domain::{Attributes, ETag, RecordState, WriteCondition};
use crate::objects::NewContent;
use crate::policy::{ClassBy, WriteIntent};
use http::StatusCode;
use s3s::S3ErrorCode;

/// A version to be, as a request describes it.
pub(super) struct Described {
    pub(super) attributes: Attributes,
    pub(super) state: RecordState,
    pub(super) tags: Vec<(String, String)>,
    pub(super) condition: WriteCondition,
}

impl Described {
    /// Reads it off the headers of a write.
    ///
    /// # Errors
    /// S3's fault for what hozon does not keep, or cannot understand.
    pub(super) fn of(call: &Call, region: &str) -> Result<Self, Fault> {
        check_settings(call, region)?;
        let Stated { attributes, state } = Stated::of(&call.headers)?;
        let tags = call.header("x-amz-tagging").map(tags::of_header).transpose()?.unwrap_or_default();
        Ok(Self { attributes, state, tags, condition: condition(call)? })
    }

    /// What the gate decides on.
    pub(super) fn intent(&self) -> WriteIntent {
        let facts = &self.attributes.facts;
        WriteIntent {
            state: self.state,
            class: facts.class.clone(),
            class_by: if facts.class.is_some() { ClassBy::Request } else { ClassBy::Default },
            change_reason: facts.change_reason.clone(),
            patient: facts.patient.clone(),
            department: facts.department.clone(),
            on_behalf_of: facts.on_behalf_of.clone(),
            condition: self.condition,
        }
    }

    /// What the object service stores.
    pub(super) fn into_content(self) -> NewContent {
        NewContent { attributes: self.attributes, tags: self.tags }
    }
}

/// Settings that S3 lets a writer choose: each is either what hozon does anyway, or refused (S3-PRACTICE).
///
/// # Errors
/// A typed 400 for anything else.
pub(super) fn check_settings(call: &Call, region: &str) -> Result<(), Fault> {
    check_acl(call.header("x-amz-acl"))?;
    if let Some(class) = call.header("x-amz-storage-class").filter(|class| *class != "STANDARD") {
        let fault = Fault::new(S3ErrorCode::InvalidStorageClass, "The storage class you specified is not valid");
        return Err(fault.with("StorageClassRequested", class));
    }
    let algorithm = call.header("x-amz-server-side-encryption");
    if algorithm.is_some_and(|algorithm| !matches!(algorithm, "AES256" | "aws:kms")) {
        return Err(Fault::new(S3ErrorCode::InvalidEncryptionAlgorithmError, "The encryption request you specified is not valid."));
    }
    let ours = answer::key_id(region, call.tenant());
    match call.header("x-amz-server-side-encryption-aws-kms-key-id") {
        Some(_) if algorithm != Some("aws:kms") => {
            let message = "Server Side Encryption with AWS KMS key was requested without the algorithm aws:kms.";
            Err(Fault::argument("x-amz-server-side-encryption", message))
        }
        Some(id) if id != ours => {
            let message = "Records are sealed under the tenant's own key; no other key can be named.";
            Err(Fault::custom("KMS.NotFoundException", StatusCode::BAD_REQUEST, message))
        }
        Some(_) | None => Ok(()),
    }
}

/// # Errors
/// `AccessControlListNotSupported` for a canned list that grants anything to anyone else.
pub(super) fn check_acl(acl: Option<&str>) -> Result<(), Fault> {
    match acl {
        None | Some("private" | "bucket-owner-full-control") => Ok(()),
        Some(_) => Err(Fault::new(S3ErrorCode::AccessControlListNotSupported, "The bucket does not allow ACLs")),
    }
}

/// What a writer wants of the key before.
///
/// # Errors
/// `NotImplemented` for conditions that S3 does not have on writes.
pub(super) fn condition(call: &Call) -> Result<WriteCondition, Fault> {
    match (call.header("if-match"), call.header("if-none-match")) {
        (None, None) => Ok(WriteCondition::None),
        (None, Some("*")) => Ok(WriteCondition::Absent),
        (Some(tag), None) if tag != "*" => {
            let text = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
            // No content has this tag: a tag that is not ours matches nothing, and still asks for the key to be there.
            Ok(WriteCondition::Match(ETag::parse(text).unwrap_or(ETag::new([0; 16], 0))))
        }
        (Some(_), Some(_)) => Err(Fault::not_implemented("If-Match with If-None-Match")),
        (Some(_), None) => Err(Fault::not_implemented("If-Match: *")),
        (None, Some(_)) => Err(Fault::not_implemented("If-None-Match with a tag")),
    }
}
