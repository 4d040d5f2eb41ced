//! The rules themselves: deny unless a grant allows, and guardrails that no grant overrides.
//!
//! The gate is the only caller. A policy engine replaces the inside of this file and nothing else.

use super::Reason;
use crate::domain::{BucketName, PrincipalKind, RecordState, Right};
use crate::identity::Principal;

/// What the rules look at besides the principal.
#[derive(Debug)]
pub(super) struct Question<'a> {
    /// The right that the action needs.
    pub right: Right,
    /// The bucket; none for the whole tenant.
    pub bucket: Option<&'a BucketName>,
}

/// Decides one question (AC-01, AC-04, OP-01).
pub(super) fn decide(who: &Principal, question: &Question<'_>) -> Result<(), Reason> {
    if who.kind() == PrincipalKind::Operator {
        return Err(Reason::OperatorNeverReads);
    }
    let bucket = question.bucket.map(BucketName::as_str);
    let covers = |grant: &&crate::domain::Grant| grant.bucket == "*" || bucket.is_some_and(|name| grant.bucket == name);
    let granted = who.profile().grants.iter().filter(covers).any(|grant| grant.rights.contains(&question.right));
    if granted { Ok(()) } else { Err(Reason::NotGranted) }
}

/// Whether the principal has any right on the bucket, so that its name shows in the list of buckets (AC-09).
pub(super) fn knows(who: &Principal, bucket: &BucketName) -> bool {
    let covers = |grant: &&crate::domain::Grant| grant.bucket == "*" || grant.bucket == bucket.as_str();
    who.kind() != PrincipalKind::Operator
        && who.profile().grants.iter().filter(covers).any(|grant| grant.rights.iter().any(|r| *r != Right::ReadAudit))
}

/// Further rights that a write needs, by the state it brings and the state it replaces (AT-01, AT-04).
pub(super) fn rights_of_write(state: RecordState, replaces: Option<RecordState>) -> impl Iterator<Item = Right> {
    let finalize = state.is_final().then_some(Right::Finalize);
    let amend = replaces.is_some_and(RecordState::is_final).then_some(Right::Amend);
    finalize.into_iter().chain(amend)
}
