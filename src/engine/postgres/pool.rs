use super::fault::Fault;
use super::session::Session;
use crate::engine::EngineError;
use crate::engine::postgres_settings::{PostgresSettings, PostgresTls};
use crate::files::secret_file;
use deadpool_postgres::{ClientWrapper, Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime, TimeoutType};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio_postgres::config::{ChannelBinding, SslMode, TargetSessionAttrs};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A dead peer is noticed within this time, also where a firewall swallows what is sent.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// A bounded number of connections, made as they are needed.
#[derive(Clone)]
pub(super) struct Pool {
    inner: deadpool_postgres::Pool,
    patience: Duration,
    seen: Arc<Seen>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its configuration holds the password.
        f.write_str("Pool")
    }
}

/// Which cluster, and which of its timelines, the newest connection reached. A standby that was promoted begins another
/// timeline.
#[derive(Debug, Default)]
pub(super) struct Seen {
    system: AtomicI64,
    timeline: AtomicI64,
}

impl Seen {
    pub(super) fn get(&self) -> (i64, i64) {
        (self.system.load(Ordering::Acquire), self.timeline.load(Ordering::Acquire))
    }
}

impl Pool {
    /// A pool that has no connection yet.
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, EngineError> {
        let config = config(settings)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &settings.tls {
            PostgresTls::Verified { ca } => Manager::from_config(config, tls(ca)?, recycling),
            PostgresTls::Off => Manager::from_config(config, NoTls, recycling),
        };
        let seen = Arc::new(Seen::default());
        let looked = Arc::clone(&seen);
        let inner = deadpool_postgres::Pool::builder(manager)
            .max_size(settings.connections_max)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(settings.connect_time_max))
            .wait_timeout(Some(settings.answer_time_max))
            .recycle_timeout(Some(settings.connect_time_max))
            .post_create(Hook::async_fn(move |client, _metrics| {
                let seen = Arc::clone(&looked);
                Box::pin(async move { settle(client, &seen).await })
            }))
            .build()
            .map_err(|source| EngineError::Failed(Box::new(source)))?;
        Ok(Self { inner, patience: settings.answer_time_max, seen })
    }

    /// A connection, for as long as the session lives.
    pub(super) async fn session(&self) -> Result<Session, EngineError> {
        match self.inner.get().await {
            Ok(client) => Ok(Session::new(client, self.patience)),
            Err(error) => Err(refused(error)),
        }
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }
}

fn refused(error: PoolError) -> EngineError {
    match error {
        // All connections are in use for longer than anybody should wait.
        PoolError::Timeout(TimeoutType::Wait) => EngineError::Busy,
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
            let is_refusal = error.code().is_some_and(|state| ["28", "3D", "42"].iter().any(|class| state.code().starts_with(class)));
            match Fault::from(error) {
                Fault::Engine(EngineError::Failed(source)) if is_refusal => EngineError::Failed(source),
                Fault::Engine(error @ (EngineError::Busy | EngineError::Full)) => error,
                _ => EngineError::Unavailable,
            }
        }
        PoolError::PostCreateHook(HookError::Message(message)) => {
            tracing::error!(%message, "the database is not one to write to");
            EngineError::Unavailable
        }
        _ => EngineError::Unavailable,
    }
}

/// What the server shows of a connection: of one gateway all have the same, and no two gateways have.
fn name(schema: &str) -> Result<String, EngineError> {
    let mut own = [0; 4];
    getrandom::fill(&mut own).map_err(|error| EngineError::Failed(Box::new(error)))?;
    Ok(format!("hozon-{:08x}-{schema}", u32::from_be_bytes(own)))
}

fn config(settings: &PostgresSettings) -> Result<Config, EngineError> {
    let mut config = Config::new();
    for (host, port) in &settings.hosts {
        config.host(host).port(*port);
    }
    config
        .dbname(&settings.database)
        .user(&settings.user)
        .application_name(name(&settings.schema)?)
        .connect_timeout(settings.connect_time_max)
        .keepalives_idle(SILENCE_MAX)
        .tcp_user_timeout(SILENCE_MAX)
        // Of several hosts the one that takes writes.
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        // A transaction that waits for a lock, or whose node has died, must not hold others up for ever.
        .options(format!(
            "-c search_path={} -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s -c default_transaction_isolation=read\\ committed \
             -c client_connection_check_interval=10s",
            settings.schema
        ));
    match settings.tls {
        PostgresTls::Verified { .. } => config.ssl_mode(SslMode::Require).channel_binding(ChannelBinding::Prefer),
        PostgresTls::Off => config.ssl_mode(SslMode::Disable),
    };
    if let Some(path) = &settings.password_file {
        let contents = secret_file::read(path).map_err(|source| EngineError::Failed(Box::new(source)))?;
        config.password(contents.trim_ascii());
    }
    Ok(config)
}

fn tls(ca: &std::path::Path) -> Result<MakeRustlsConnect, EngineError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| EngineError::Failed(source);
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(|source| failed(Box::new(source)))? {
        let certificate = certificate.map_err(|source| failed(Box::new(source)))?;
        roots.add(certificate).map_err(|source| failed(Box::new(source)))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| failed(Box::new(source)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Looks at a new connection before it is used: a database that only reads is refused, an acknowledgement means durable
/// (promise 3), and another cluster or timeline is noticed.
async fn settle(client: &ClientWrapper, seen: &Seen) -> Result<(), HookError> {
    let sql = "SELECT pg_is_in_recovery(), set_config('synchronous_commit',
                 CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on' ELSE current_setting('synchronous_commit') END, false),
               (SELECT system_identifier FROM pg_control_system()),
               CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END";
    let row = client.query_one(sql, &[]).await.map_err(HookError::Backend)?;
    if row.get::<_, bool>(0) {
        return Err(HookError::message("it is a standby that only reads"));
    }
    let timeline = i64::from_str_radix(row.get::<_, &str>(3), 16).unwrap_or(0);
    seen.system.store(row.get(2), Ordering::Release);
    seen.timeline.store(timeline, Ordering::Release);
    Ok(())
}
