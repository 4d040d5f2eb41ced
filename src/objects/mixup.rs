//! Records that are about another patient than the one stated are noticed before they are versions (AC-03, AT-10).

use super::body::{BodyFault, Incoming, Verified};
use crate::audit::Subject;
use crate::content::{Match, PatientLook};
use crate::domain::{Attributes, BucketMode};
use crate::index::Bucket;
use crate::seal::Plaintext;
use async_trait::async_trait;

/// A body that is looked at as it comes in.
pub(super) struct Watched<'b> {
    body: &'b mut dyn Incoming,
    look: Option<PatientLook>,
}

impl<'b> Watched<'b> {
    /// `body` for a record with these facts; only what lies in a records bucket and names its patient is looked at.
    pub(super) fn new(body: &'b mut dyn Incoming, bucket: &Bucket, attributes: &Attributes) -> Self {
        let stated = attributes.facts.patient.clone().filter(|_| bucket.mode == BucketMode::Records);
        let look = stated.map(|stated| PatientLook::new(stated, attributes.headers.content_type.as_deref()));
        Self { body, look }
    }

    /// The same, not looked at: a later part of an upload has no beginning.
    pub(super) fn unseen(body: &'b mut dyn Incoming) -> Self {
        Self { body, look: None }
    }

    /// Whether all that came is about somebody else.
    pub(super) fn is_of_another(&self) -> bool {
        self.look.as_ref().is_some_and(|look| look.found() == Match::Other)
    }
}

#[async_trait]
impl Incoming for Watched<'_> {
    async fn next(&mut self) -> Option<Result<Plaintext, BodyFault>> {
        let piece = self.body.next().await;
        if let (Some(Ok(piece)), Some(look)) = (&piece, &mut self.look) {
            piece.show(|bytes| look.take(bytes));
        }
        piece
    }

    fn verify(&mut self) -> Result<Verified, BodyFault> {
        self.body.verify()
    }
}

/// What stands in the log of a record that is refused for it.
pub(super) fn subject(bucket: &Bucket, key: &str, attributes: &Attributes) -> Subject {
    Subject {
        bucket: Some(bucket.name.to_string()),
        key: Some(key.to_owned()),
        patient: attributes.facts.patient.clone(),
        class: attributes.facts.class.clone(),
        ..Subject::default()
    }
}
