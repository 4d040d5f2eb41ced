use super::Services;
use crate::backup;
use crate::domain::{causes, limits};
use crate::listener::Stop;
use crate::upkeep::{Agreement, IdleUploads, Orphans, PairingError};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often counts of unproven requests are written.
const PROVIDER_LOG_EVERY: Duration = Duration::from_secs(5);
/// How often opened names of tenants whose lease has ended are wiped.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How often sorted runs are written that listings have asked for.
const RUNS_EVERY: Duration = Duration::from_secs(1);
/// How often the store learns how far the index has come.
const MARK_EVERY: Duration = Duration::from_secs(60);
/// How often what nobody needs any more is collected.
const COLLECT_EVERY: Duration = Duration::from_secs(3_600);

/// Starts what a gateway does for itself until it is told to stop.
pub(super) fn start(services: &Arc<Services>, stop: &Stop) -> TaskTracker {
    let chores = TaskTracker::new();
    let leases = Arc::clone(&services.leases);
    until(&chores, stop, async move { leases.keep().await });
    let index = Arc::clone(&services.index);
    every(&chores, stop, SWEEP_EVERY, move || {
        let index = Arc::clone(&index);
        async move { index.sweep() }
    });
    let journal = Arc::clone(&services.journal);
    every(&chores, stop, SWEEP_EVERY, move || {
        let journal = Arc::clone(&journal);
        async move { journal.sweep() }
    });
    let rates = services.rates.clone();
    every(&chores, stop, limits::RATE_PRUNE_PAUSE, move || {
        let rates = rates.clone();
        async move { rates.prune() }
    });
    let index = Arc::clone(&services.index);
    every(&chores, stop, RUNS_EVERY, move || {
        let index = Arc::clone(&index);
        async move { report("sorted runs", index.write_runs().await) }
    });
    let (index, clock) = (Arc::clone(&services.index), Arc::clone(&services.clock));
    every(&chores, stop, COLLECT_EVERY, move || {
        let (index, clock) = (Arc::clone(&index), Arc::clone(&clock));
        async move { report("sorted runs renewed", index.renew_runs(clock.now()).await) }
    });
    let log = Arc::clone(&services.provider_log);
    every(&chores, stop, PROVIDER_LOG_EVERY, move || {
        let log = Arc::clone(&log);
        async move { report("provider log", log.flush().await.map(|()| 0)) }
    });
    collect(&chores, services, stop);
    scrub(&chores, services, stop);
    back_up(&chores, services, stop);
    chores.close();
    chores
}

/// What looks for things that nobody needs any more.
fn collect(chores: &TaskTracker, services: &Arc<Services>, stop: &Stop) {
    let (pairing, meters, ending) = (Arc::clone(&services.pairing), Arc::clone(&services.meters), stop.clone());
    every(chores, stop, MARK_EVERY, move || {
        let (pairing, meters, ending) = (Arc::clone(&pairing), Arc::clone(&meters), ending.clone());
        async move {
            let agreement = pairing.keep().await;
            if let Err(error @ PairingError::Others { .. }) = &agreement {
                // One of the two was moved while this gateway ran: what it takes from now on would be in nobody's index.
                tracing::error!(error = causes(error), "index and store do not belong together any more: the gateway stops");
                ending.in_order();
            }
            match agreement {
                Ok(Agreement::Current(_)) => meters.collector_free(),
                Ok(Agreement::Behind { .. }) | Err(_) => meters.collector_held(),
            }
            report("store's marker", agreement.map(|_| 0));
            // One that was away at the start.
            report("replica's marker", pairing.admit_replica().await.map(|_| 0));
        }
    });
    let uploads = Arc::new(IdleUploads::new(Arc::clone(&services.engine), Arc::clone(&services.journal), Arc::clone(&services.clock)));
    every(chores, stop, COLLECT_EVERY, move || {
        let uploads = Arc::clone(&uploads);
        async move { report("idle uploads", uploads.run().await) }
    });
    let orphans = Arc::new(Orphans::new(
        Arc::clone(&services.engine),
        services.blobs.clone(),
        Arc::clone(&services.clock),
        Arc::clone(&services.pairing),
    ));
    let meters = Arc::clone(&services.meters);
    every(chores, stop, COLLECT_EVERY, move || {
        let (orphans, meters) = (Arc::clone(&orphans), Arc::clone(&meters));
        async move {
            report(
                "orphans",
                orphans.run().await.map(|found| {
                    meters.blobs_deleted(found.deleted);
                    meters.blobs_spared(found.spared);
                    meters.condemned_blobs(found.condemned + found.kept);
                    found.deleted
                }),
            );
        }
    });
}

/// Reads stored bodies again. It is told to stop instead of being dropped, so that it gives its job back to other nodes.
fn scrub(chores: &TaskTracker, services: &Arc<Services>, stop: &Stop) {
    let (scrub, stop, asked) = (Arc::clone(&services.scrub), stop.clone(), CancellationToken::new());
    let told = asked.clone();
    chores.spawn(async move {
        stop.asked().await;
        told.cancel();
    });
    chores.spawn(async move { scrub.keep(asked).await });
}

/// Keeps a backup of the index. It is told to stop instead of being dropped, so that another node goes on at once.
fn back_up(chores: &TaskTracker, services: &Arc<Services>, stop: &Stop) {
    let Some(keeper) = services.keeper.clone() else {
        let (engine, clock) = (Arc::clone(&services.engine), Arc::clone(&services.clock));
        return every(chores, stop, COLLECT_EVERY, move || {
            let (engine, clock) = (Arc::clone(&engine), Arc::clone(&clock));
            async move { report("changes noted for no backup", backup::forget_abandoned(engine.as_ref(), clock.as_ref()).await) }
        });
    };
    let (stop, asked) = (stop.clone(), CancellationToken::new());
    let told = asked.clone();
    chores.spawn(async move {
        stop.asked().await;
        told.cancel();
    });
    chores.spawn(async move { keeper.keep(asked).await });
}

pub(super) fn until(chores: &TaskTracker, stop: &Stop, work: impl Future<Output = ()> + Send + 'static) {
    let stop = stop.clone();
    chores.spawn(async move {
        tokio::select! {
            () = work => {}
            () = stop.asked() => {}
        }
    });
}

/// Runs `work` after each pause; the first time a little later, so that a start is not slowed down.
fn every<F, Fut>(chores: &TaskTracker, stop: &Stop, pause: Duration, work: F)
where
    F: Fn() -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let first = pause.min(limits::CHORES_AFTER);
    until(chores, stop, async move {
        tokio::time::sleep(first).await;
        loop {
            work().await;
            tokio::time::sleep(pause).await;
        }
    });
}

fn report<E: std::error::Error>(chore: &str, done: Result<u64, E>) {
    match done {
        Ok(0) => {}
        Ok(count) => tracing::info!(chore, count, "done"),
        Err(error) => tracing::warn!(chore, error = causes(&error), "failed, will be tried again"),
    }
}
