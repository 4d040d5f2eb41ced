//! Puts a gateway together in order, runs it, and takes it apart in reverse.

mod chores;
mod decisions;
mod error;
mod migration;
mod notify;
mod recovery;
mod reload;
mod services;

use crate::admin::wire::Store;
use crate::admin::{self, Admin, AdminServices, Exposed};
use crate::api::Api;
use crate::config::Settings;
use crate::domain::{StoreId, causes};
use crate::listener::{Drained, Listener, Readiness, Stop};
use crate::report::AccessLog;
use crate::root::harden_process;
use crate::s3::{self, Front, Native, SignIn};
use crate::sts::{self, Sts};
use crate::upkeep::Agreement;
use futures::FutureExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

pub use error::StartError;
pub use migration::{IndexMoved, MigrationError, Moment, StoreMoved, findings, move_index, move_store};
pub use notify::{Supervisor, SupervisorError};
pub use recovery::{CheckedPiece, Recovery, RecoveryError, Wanted, check, drill, recover, shelf};
pub use reload::Reload;
pub use services::{Services, apart};

/// How long a readiness question waits for the index.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    services: Arc<Services>,
    address: SocketAddr,
    stop: Stop,
    serving: JoinHandle<Drained>,
    admin: JoinHandle<()>,
    chores: TaskTracker,
    supervisor: Supervisor,
}

impl Gateway {
    /// Starts a gateway and returns once it answers. At SIGHUP it reads its configuration again as `reload` says.
    ///
    /// # Errors
    /// [`StartError`] names the part that cannot start; nothing listens then.
    pub async fn start(settings: Settings, reload: Reload) -> Result<Self, StartError> {
        let memory = harden_process()?;
        tracing::info!(?memory, "core dumps are off");
        for deviation in &settings.deviations() {
            tracing::warn!(profile = settings.profile.name(), %deviation, "weaker than strict-jp");
        }
        let services = Arc::new(Services::build(&settings).await?);
        // Before anything is served or collected.
        if let Agreement::Behind { index, seen } = services.pairing.begin().await? {
            let index = index.generation;
            services.meters.collector_held();
            tracing::error!(index, seen, "the store has seen a newer index: nothing is collected before `hozon store accept`");
        }
        services.pairing.admit_replica().await?;
        let listener = Listener::bind(settings.listener.clone(), Arc::clone(&services.meters)).await?;
        let address = listener.address().map_err(StartError::Address)?;
        let admin = Admin::bind(&settings.admin_socket, admin_services(&services)).await?;
        let exposed = exposed(&services, &settings).await?;

        // Before anybody can know that it runs: whoever tells it to stop then must find it listening.
        let stop = Stop::new();
        stop.follow_signals().map_err(StartError::Signals)?;
        let engine = Arc::clone(&services.engine);
        let readiness = Readiness::new(move || {
            let engine = Arc::clone(&engine);
            async move { engine.probe(READY_WITHIN).await.is_ok() }.boxed()
        });
        let api = Arc::new(Api::new(Arc::clone(&services.gate), AccessLog::new(Arc::clone(&services.journal)), services.oversight()));
        let service = s3::service(front(&services, &settings, api))?;
        let chores = chores::start(&services, &stop);
        let supervisor = reload.supervisor.clone();
        let hangups = reload::signals().map_err(StartError::Signals)?;
        let running = reload::Running { settings, listener: listener.control(), services: Arc::clone(&services), reload };
        chores::until(&chores, &stop, running.follow(hangups));
        if let Some(exposed) = exposed {
            let stopped = stop.clone();
            chores::until(&chores, &stop, exposed.serve(async move { stopped.asked().await }));
        }
        let stopped = stop.clone();
        let admin = tokio::spawn(admin.serve(async move { stopped.asked().await }));
        let serving = tokio::spawn(listener.serve(service, readiness, stop.clone()));
        tracing::info!(%address, "serving");
        Ok(Self { services, address, stop, serving, admin, chores, supervisor })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its inner parts.
    #[must_use]
    pub const fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Tells the service manager that it answers, runs until SIGTERM or SIGINT, then finishes what is under way.
    pub async fn run_until_told(self) {
        let alive = tokio::spawn(self.supervisor.clone().keep_alive());
        self.supervisor.ready();
        self.stop.asked().await;
        self.shut_down().await;
        alive.abort();
    }

    /// Stops in order: no new requests, those under way finish, then the log and the index close.
    pub async fn shut_down(self) {
        self.stop.in_order();
        self.supervisor.stopping();
        match self.serving.await {
            Ok(Drained::Whole) => tracing::info!("every transfer was finished"),
            Ok(Drained::Aborted { connections }) => tracing::warn!(connections, "connections were given up"),
            Err(error) => tracing::error!(%error, "the listener ended badly"),
        }
        if let Err(error) = self.admin.await {
            tracing::error!(%error, "the admin listener ended badly");
        }
        self.chores.wait().await;
        // Every transfer has ended by now, and its outcome belongs on record.
        self.services.outcomes.finish().await;
        let waiting = self.services.blobs.waiting_for_replica();
        if waiting > 0 {
            tracing::warn!(waiting, "bodies have not reached the replica: the scrub copies them");
        }
        // So that a copy of the index from before the stop is known for an older one.
        if let Err(error) = self.services.pairing.keep().await {
            tracing::warn!(error = causes(&error), "the store's marker could not be written");
        }
        if let Err(error) = self.services.provider_log.flush().await {
            tracing::warn!(%error, "the provider log could not be written");
        }
    }
}

/// Makes the index and the store of `settings` belong together that do not, on an operator's word and while no gateway
/// runs. `there` is the store that the operator means; nothing for one without a marker.
///
/// # Errors
/// [`StartError`] when either cannot be opened, or they are not as the operator says.
pub async fn adopt(settings: &Settings, there: Option<StoreId>) -> Result<Store, StartError> {
    let services = Services::build(settings).await?;
    Ok(admin::adopt(&admin_services(&services), there).await?)
}

fn admin_services(services: &Services) -> AdminServices {
    AdminServices {
        clock: Arc::clone(&services.clock),
        engine: Arc::clone(&services.engine),
        leases: Arc::clone(&services.leases),
        people: Arc::clone(&services.people),
        access: Arc::clone(&services.access),
        index: Arc::clone(&services.index),
        journal: Arc::clone(&services.journal),
        blobs: services.blobs.clone(),
        pairing: Arc::clone(&services.pairing),
        scrub: Arc::clone(&services.scrub),
        keeper: services.keeper.clone(),
        meters: Arc::clone(&services.meters),
        job_types: services.job_types.clone(),
        record_classes: services.classes.clone(),
    }
}

async fn exposed(services: &Services, settings: &Settings) -> Result<Option<Exposed>, StartError> {
    let Some(address) = settings.metrics_listen else { return Ok(None) };
    let failed = |source| StartError::Metrics { address, source };
    let exposed = Exposed::bind(address, admin_services(services)).await.map_err(failed)?;
    tracing::info!(address = %exposed.address().map_err(failed)?, "metrics and health");
    Ok(Some(exposed))
}

fn front(services: &Services, settings: &Settings, api: Arc<Api>) -> Front {
    let native: Native = Arc::new(move |who, (parts, body), origin| {
        let api = Arc::clone(&api);
        async move { api.answer(who, (&parts, &body), origin).await }.boxed()
    });
    let sts = Arc::new(Sts::new(Arc::clone(&services.authenticator), Arc::clone(&services.gate)));
    let sign_in: SignIn = Arc::new(move |form, (request, source, user_agent)| {
        let sts = Arc::clone(&sts);
        async move { sts.answer(&form, sts::From { request, source, user_agent }).await }.boxed()
    });
    Front {
        objects: services.objects.clone(),
        authenticator: Arc::clone(&services.authenticator),
        provider_log: Arc::clone(&services.provider_log),
        clock: Arc::clone(&services.clock),
        region: settings.region.clone(),
        base_domains: settings.listener.base_domains.clone(),
        presign_life_max: services.presign_life_max.clone(),
        rates: services.rates.clone(),
        native,
        sign_in,
    }
}
