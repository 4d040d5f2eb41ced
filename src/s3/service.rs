use super::call::Call;
use crate::index::TenantIndex;
use crate::objects::Objects;
use crate::policy::Gate;

/// What handlers work with.
#[derive(Debug, Clone)]
pub(super) struct Service {
    /// The object service.
    pub(super) objects: Objects,
    /// The region in which everything lies.
    pub(super) region: String,
}

impl Service {
    /// Who decides.
    pub(super) fn gate(&self) -> &Gate {
        &self.objects.gate
    }

    /// The caller's part of the index, for what belongs to something already admitted.
    pub(super) fn index(&self, call: &Call) -> TenantIndex<'_> {
        self.objects.index.of(call.tenant())
    }
}
