//! Who is who and what they may do, put together.

use super::StartError;
use crate::access::Access;
use crate::audit::Journal;
use crate::config::Settings;
use crate::domain::{Clock, Live};
use crate::engine::Engine;
use crate::identity::{Authenticator, People};
use crate::index::Index;
use crate::leases::{Leases, Monotonic};
use crate::policy::{Basis, Gate, Rules};
use std::sync::Arc;

/// The parts that decide.
pub(super) struct Decisions {
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) people: Arc<People>,
    pub(super) access: Arc<Access>,
    pub(super) rules: Live<Rules>,
    pub(super) gate: Arc<Gate>,
}

/// What they stand on.
pub(super) struct Ground<'a> {
    pub(super) engine: &'a Arc<dyn Engine>,
    pub(super) leases: &'a Arc<Leases>,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) index: &'a Arc<Index>,
    pub(super) journal: &'a Arc<Journal>,
}

impl Decisions {
    /// # Errors
    /// [`StartError::Policies`].
    pub(super) fn build(ground: &Ground<'_>, monotonic: Arc<dyn Monotonic>, settings: &Settings) -> Result<Self, StartError> {
        let (engine, leases, clock) = (|| Arc::clone(ground.engine), || Arc::clone(ground.leases), || Arc::clone(ground.clock));
        let access = Arc::new(Access::new(engine(), leases(), Arc::clone(&monotonic)));
        let known = (Arc::clone(&access), Arc::clone(&monotonic));
        let authenticator = Arc::new(Authenticator::new(engine(), leases(), clock(), known));
        let people = Arc::new(People::new(engine(), leases(), clock(), Arc::clone(&authenticator)));
        let rules = Live::new(rules(settings)?);
        let law = (rules.clone(), Arc::clone(&access));
        let gate = Gate::new(Arc::clone(ground.index), Arc::clone(ground.journal), Arc::clone(&authenticator), monotonic, law);
        Ok(Self { authenticator, people, access, rules, gate: Arc::new(gate) })
    }
}

/// The rules over the catalogue in `settings`.
///
/// # Errors
/// [`StartError::Policies`] when the policies are not as the schema wants them.
pub(super) fn rules(settings: &Settings) -> Result<Rules, StartError> {
    let Settings { access_grid, record_classes, job_types, patients, factors, .. } = settings;
    let basis = Basis {
        grid: access_grid.clone(),
        classes: record_classes.clone(),
        job_types: job_types.clone(),
        patients: *patients,
        factors: *factors,
    };
    Ok(Rules::new(basis)?)
}
