use super::AdminServices;
use super::operator;
use super::problem::Problem;
use super::route::{Answered, Asked, shown};
use super::wire::{AcceptIndex, Collector, Store};
use crate::audit::{Operator, OperatorAction, Subject};
use crate::domain::{StoreId, causes};
use crate::engine::Events;
use crate::upkeep::{Agreement, PairingError};

/// `GET /v1/store`
pub(super) async fn show(asked: &Asked<'_>) -> Answered {
    shown(&store(asked.services.pairing.look().await?, Vec::new()))
}

/// `POST /v1/store/accept`
pub(super) async fn accept(asked: &Asked<'_>) -> Answered {
    let AcceptIndex { seen } = asked.document()?;
    let (events, unrecorded) = events(asked.services, asked.operator, OperatorAction::AcceptIndex).await?;
    let agreement = asked.services.pairing.accept(seen, events).await?;
    tracing::warn!(seen, "an index that was behind is accepted: what it does not name is collected");
    asked.services.meters.collector_free();
    shown(&store(agreement, unrecorded))
}

/// Makes index and store belong together that do not, for an operator at this machine while no gateway runs. It is
/// recorded in the log of every tenant whose keys are to be had; the others are named. Nothing is collected before the
/// index was accepted.
///
/// # Errors
/// [`PairingError`] when they are not as the operator says.
pub async fn adopt(services: &AdminServices, there: Option<StoreId>) -> Result<Store, PairingError> {
    let (events, unrecorded) = events(services, &operator::at_this_machine(), OperatorAction::AdoptStore).await?;
    Ok(store(services.pairing.adopt(there, events).await?, unrecorded))
}

/// An event for each tenant, and the names of those who get none.
pub(super) async fn events(
    services: &AdminServices,
    operator: &Operator,
    action: OperatorAction,
) -> Result<(Events, Vec<String>), crate::engine::EngineError> {
    let (mut all, mut unrecorded) = (Events::default(), Vec::new());
    for tenant in services.engine.tenants().await? {
        let event = operator.event(action, Subject::default(), services.clock.now());
        match services.journal.seal(tenant.id, event).await {
            Ok(pending) => {
                let Events { rows, keys } = pending.into_events();
                all.rows.extend(rows);
                all.keys.extend(keys);
            }
            // One tenant's withdrawn key must not keep all others from an answer.
            Err(error) => {
                tracing::warn!(tenant = tenant.name, action = action.name(), error = causes(&error), "not in this tenant's log");
                unrecorded.push(tenant.name);
            }
        }
    }
    Ok((all, unrecorded))
}

fn store(agreement: Agreement, unrecorded: Vec<String>) -> Store {
    let (row, seen, collector) = match agreement {
        Agreement::Current(row) => (row, row.generation, Collector::On),
        Agreement::Behind { index, seen } => (index, seen, Collector::Held),
    };
    Store { store: row.id.to_string(), index: row.generation, seen, collector, unrecorded }
}

impl From<PairingError> for Problem {
    fn from(error: PairingError) -> Self {
        match error {
            PairingError::Engine(error) => error.into(),
            PairingError::NotAsSaid => Self::changed(),
            error => Self::store(&error),
        }
    }
}
