//! Equality tokens of what may not stand in clear.

use crate::domain::{BucketId, ObjectKey, PatientId, TenantId};
use crate::engine::Token;
use crate::leases::IndexKeys;
use crate::seal::TokenKind;

/// Token of a whole key in its bucket.
pub(super) fn of_key(keys: &IndexKeys, bucket: BucketId, key: &ObjectKey) -> Token {
    keys.token(TokenKind::Key, bucket.as_bytes(), key.as_str().as_bytes())
}

/// Token of a directory's whole path, which is empty for the bucket's root and else ends in `/`.
pub(super) fn of_directory(keys: &IndexKeys, bucket: BucketId, path: &str) -> Token {
    keys.token(TokenKind::Directory, bucket.as_bytes(), path.as_bytes())
}

/// Token of a patient at its institution.
pub(super) fn of_patient(keys: &IndexKeys, tenant: TenantId, patient: &PatientId) -> Token {
    keys.token(TokenKind::Patient, tenant.as_bytes(), patient.as_str().as_bytes())
}
