use super::checksums::Expected;
use super::fault::Fault;
use crate::identity::Principal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// What is learnt of one request on its way through the protocol crate, which has no room for it.
///
/// Travels in the request's extensions; the endpoint keeps the other handle.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    fault: OnceLock<Fault>,
    who: OnceLock<Arc<Principal>>,
    document: OnceLock<Expected>,
    operation: OnceLock<&'static str>,
    is_broken: AtomicBool,
    is_as_is: AtomicBool,
}

impl Exchange {
    /// Keeps the fault to be answered; the first one counts.
    pub(super) fn fail(&self, fault: Fault) {
        let _first_counts = self.fault.set(fault);
    }

    /// The fault to be answered.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.fault.get()
    }

    /// Keeps who asks, once the signature was right.
    pub(super) fn identify(&self, who: Arc<Principal>) {
        let _once_only = self.who.set(who);
    }

    /// Who asks.
    pub(super) fn who(&self) -> Option<&Arc<Principal>> {
        self.who.get()
    }

    /// Keeps which operation it is.
    pub(super) fn name(&self, operation: &'static str) {
        let _once_only = self.operation.set(operation);
    }

    /// Which operation it is, for metrics.
    pub(super) fn operation(&self) -> &'static str {
        self.operation.get().copied().unwrap_or("Other")
    }

    /// Has the answer sent as it is, whatever its status: it is not S3's.
    pub(super) fn answer_as_is(&self) {
        self.is_as_is.store(true, Ordering::Release);
    }

    /// Whether the answer is not S3's.
    pub(super) fn is_as_is(&self) -> bool {
        self.is_as_is.load(Ordering::Acquire)
    }

    /// Has the body checked against what is stated of it, as a document that is read whole.
    pub(super) fn expect_document(&self, expected: Expected) {
        let _once_only = self.document.set(expected);
    }

    /// What is stated of the document.
    pub(super) fn document(&self) -> Option<&Expected> {
        self.document.get()
    }

    /// Notes that the client's connection failed, rather than its bytes being wrong.
    pub(super) fn note_broken(&self) {
        self.is_broken.store(true, Ordering::Release);
    }

    /// Whether the client's connection failed.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire)
    }
}
