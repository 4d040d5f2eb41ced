use super::failure::Failure;
use super::output::Output;
use super::serve::ConfigFile;
use crate::admin::wire::Readiness;
use crate::app::{self, RecoveryError};
use crate::backup::{BackupError, Choice, is_old};
use crate::blob::{BlobSettings, BlobStore};
use crate::config::{self, Settings};
use crate::domain::{Clock, SystemClock, UtcTime, causes};
use crate::engine::{self, Engine, EngineError, IndexSettings, PostgresSettings, SqliteSettings, Tables, Verdict};
use crate::listener::{Certificate, WireSettings};
use crate::root::Root;
use crate::seal::Aead;
use crate::upkeep::{Agreement, Pairing, PairingError, fits_new_index};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "Run it as the user that will run the gateway. It changes nothing but test objects in the store,\n\
    which it removes again. Exit code 1 when something would keep a gateway from running.")]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    result: Outcome,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Good,
    Weak,
    Bad,
}

const PAIRING: &str = "index and store";
const REPLICA_MARKER: &str = "store and replica";
/// 2024-01-01: a clock before it has not been set.
const CLOCK_FLOOR: UtcTime = UtcTime::from_micros(1_704_067_200_000_000);

pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let path = arguments.file.config;
    let progress = spinner();
    let mut findings = Vec::new();
    match config::load(&path) {
        Ok(settings) => {
            findings.push(good("configuration", format!("{} ({})", path.display(), settings.profile.name())));
            findings.extend(settings.deviations().iter().map(|deviation| weak("profile", deviation.to_string())));
            look(&settings, &progress, &mut findings).await;
        }
        Err(error) => findings.push(bad("configuration", &error)),
    }
    progress.finish_and_clear();
    output.many(&findings, &["check", "result", "detail"])?;
    let count = findings.iter().filter(|finding| finding.result == Outcome::Bad).count();
    if count > 0 {
        return Err(Failure::wrong(format!("{count} of {} checks are bad", findings.len())).advise("mend what is bad, then run it again"));
    }
    Ok(())
}

async fn look(settings: &Settings, progress: &ProgressBar, findings: &mut Vec<Finding>) {
    findings.push(clock(SystemClock.now()));
    progress.set_message("cipher");
    findings.push(match Aead::checked(settings.aead) {
        Ok(aead) => good("cipher", format!("{aead:?}, and both libraries agree")),
        Err(error) => bad("cipher", &error),
    });
    findings.push(match &settings.listener.wire {
        WireSettings::PlainOnLoopback => weak("certificate", "plain HTTP on loopback".to_owned()),
        WireSettings::Tls(tls) => match Certificate::load(tls) {
            Ok(_) => good("certificate", tls.certificate.display().to_string()),
            Err(error) => bad("certificate", &error),
        },
    });
    progress.set_message("root key");
    findings.push(match Root::open_file(&settings.root.key_file, &settings.root.protection()) {
        Ok(root) => match app::apart(&root, settings) {
            Ok(()) => good("root key", settings.root.key_file.display().to_string()),
            Err(error) => bad("root key", &error),
        },
        Err(error) => bad("root key", &error),
    });
    findings.push(gateway(&settings.admin_socket).await);
    progress.set_message("index");
    let (found, index) = match &settings.index {
        IndexSettings::Sqlite(settings) => index(settings).await,
        IndexSettings::Postgres(settings) => database(settings).await,
    };
    findings.extend(found);
    progress.set_message("store: writing, reading and deleting test objects");
    let (found, store) = store("store", &settings.store).await;
    findings.push(found);
    if let Some(settings) = &settings.replica {
        progress.set_message("replica: writing, reading and deleting test objects");
        let (found, replica) = self::store("replica", &settings.store).await;
        findings.push(found);
        findings.extend(one_store(store.as_ref(), replica.as_ref()).await);
    }
    if settings.backup.is_some() {
        progress.set_message("backup");
        findings.push(backup(settings).await);
    }
    if let (index, Some(store)) = (index, store) {
        findings.extend(pairing(index, store).await);
    }
}

fn clock(now: UtcTime) -> Finding {
    if now > CLOCK_FLOOR {
        good("clock", now.to_string())
    } else {
        Finding { check: "clock", result: Outcome::Bad, detail: format!("{now} cannot be: set the machine's clock") }
    }
}

/// Whether a recovery would find what it needs, as far as names and moments say. A backup cannot be tried by writing: what
/// is added to it stays.
async fn backup(settings: &Settings) -> Finding {
    let found = async { Ok::<_, RecoveryError>(app::shelf(settings)?.plan(&Choice::default()).await?) };
    match found.await {
        Ok(plan) => match settings.backup.as_ref().and_then(|backup| is_old(&plan, backup.age_max())) {
            Some(old) => Finding { check: "backup", result: Outcome::Bad, detail: old },
            None => good("backup", format!("everything up to {}, from a snapshot of {}", plan.moment(), plan.snapshot.at)),
        },
        Err(RecoveryError::Backup(BackupError::NoSnapshot(_))) => weak("backup", "its store answers, and holds no snapshot yet".to_owned()),
        Err(error) => bad("backup", &error),
    }
}

async fn gateway(socket: &Path) -> Finding {
    match super::operator::Client::new(socket.to_owned()).get::<Readiness>("/readyz").await {
        Ok(readiness) => {
            if readiness.dependencies.iter().all(|dependency| dependency.ready) {
                return good("gateway", "is running and ready".to_owned());
            }
            let unready = readiness.dependencies.iter().filter(|dependency| !dependency.ready);
            let said: Vec<String> = unready
                .map(|dependency| format!("{}: {}", dependency.name, dependency.problem.as_deref().unwrap_or("not ready")))
                .collect();
            if readiness.ready {
                return weak("gateway", format!("is running and ready, but {}", said.join("; ")));
            }
            Finding { check: "gateway", result: Outcome::Bad, detail: format!("is running, not ready: {}", said.join("; ")) }
        }
        Err(_nobody) => good("gateway", "none is running on this socket".to_owned()),
    }
}

/// The index as far as it may be looked into.
enum IndexThere {
    /// It will be made.
    New,
    /// It is ours for now.
    Open(Arc<dyn Engine>),
    /// A gateway has it, or it cannot be opened.
    Closed,
}

/// Opens the index only if it is there: looking must not make it, perhaps as another user.
async fn index(settings: &SqliteSettings) -> (Vec<Finding>, IndexThere) {
    let path = &settings.path;
    if !path.exists() {
        return (vec![good("index", format!("{} will be made at the first start", path.display()))], IndexThere::New);
    }
    match engine::open(&IndexSettings::Sqlite(settings.clone()), Arc::new(SystemClock)).await {
        Ok(engine) => (vec![good("index", path.display().to_string())], IndexThere::Open(engine)),
        Err(EngineError::InUse) => (vec![good("index", format!("{} is in use by a gateway", path.display()))], IndexThere::Closed),
        Err(error) => (vec![bad("index", &error)], IndexThere::Closed),
    }
}

/// Looks at the server first: opening tables of another form would change them.
async fn database(settings: &PostgresSettings) -> (Vec<Finding>, IndexThere) {
    let checkup = match engine::look(settings).await {
        Ok(checkup) => checkup,
        Err(error) => return (vec![bad("index", &error)], IndexThere::Closed),
    };
    let mut findings: Vec<Finding> = checkup.checks.into_iter().map(finding).collect();
    let schema = &settings.schema;
    let (found, there) = match checkup.tables {
        Tables::None => (good("index", format!("schema {schema} will be made at the first start")), IndexThere::New),
        Tables::Other => (weak("index", format!("schema {schema} is of another version of hozon")), IndexThere::Closed),
        Tables::Current => match engine::open(&IndexSettings::Postgres(settings.clone()), Arc::new(SystemClock)).await {
            Ok(engine) => (good("index", format!("schema {schema}")), IndexThere::Open(engine)),
            Err(error) => (bad("index", &error), IndexThere::Closed),
        },
    };
    findings.push(found);
    (findings, there)
}

fn finding(check: engine::Check) -> Finding {
    let result = match check.verdict {
        Verdict::Good => Outcome::Good,
        Verdict::Weak => Outcome::Weak,
        Verdict::Bad => Outcome::Bad,
    };
    Finding { check: check.name, result, detail: check.detail }
}

async fn store(check: &'static str, settings: &BlobSettings) -> (Finding, Option<BlobStore>) {
    if let Some(directory) = settings.directory().filter(|directory| !directory.exists()) {
        return (good(check, format!("{} will be made at the first start", directory.display())), None);
    }
    let store = match BlobStore::open(settings) {
        Ok(store) => store,
        Err(error) => return (bad(check, &error), None),
    };
    match store.probe(SystemClock.now()).await {
        Ok(_) => (good(check, "keeps its promises".to_owned()), Some(store)),
        Err(error) => (bad(check, &error), None),
    }
}

/// Whether store and replica are those of each other. A replica without a marker is seen to at the start.
async fn one_store(store: Option<&BlobStore>, replica: Option<&BlobStore>) -> Option<Finding> {
    let (store, replica) = (store?.marker().await.ok()??, replica?.marker().await.ok()??);
    Some(if store.store == replica.store {
        good(REPLICA_MARKER, format!("both are store {}", store.store))
    } else {
        let detail = format!("the store is {}, and the replica one of {}: nothing will be written to it", store.store, replica.store);
        Finding { check: REPLICA_MARKER, result: Outcome::Bad, detail }
    })
}

/// Whether index and store belong together. A gateway that runs has been asked already.
async fn pairing(index: IndexThere, store: BlobStore) -> Option<Finding> {
    let looked = match index {
        IndexThere::Closed => return None,
        IndexThere::New => match fits_new_index(&store).await {
            Ok(()) => return Some(good(PAIRING, "both are new".to_owned())),
            Err(error) => Err(error),
        },
        IndexThere::Open(engine) => Pairing::new(engine, store).look().await,
    };
    Some(match looked {
        Ok(Agreement::Current(row)) => good(PAIRING, format!("store {}, generation {}", row.id, row.generation)),
        Ok(Agreement::Behind { index, seen }) => {
            let index = index.generation;
            weak(
                PAIRING,
                format!("the index is at generation {index}, the store has seen {seen}: nothing is collected before `hozon store accept`"),
            )
        }
        Err(PairingError::Unpaired) => good(PAIRING, "they will be brought together at the first start".to_owned()),
        Err(error) => bad(PAIRING, &error),
    })
}

/// Turns on a terminal only; elsewhere it shows nothing.
fn spinner() -> ProgressBar {
    let progress = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        progress.set_style(style);
    }
    progress.enable_steady_tick(Duration::from_millis(100));
    progress
}

const fn good(check: &'static str, detail: String) -> Finding {
    Finding { check, result: Outcome::Good, detail }
}

const fn weak(check: &'static str, detail: String) -> Finding {
    Finding { check, result: Outcome::Weak, detail }
}

fn bad(check: &'static str, error: &(dyn Error + 'static)) -> Finding {
    Finding { check, result: Outcome::Bad, detail: causes(error) }
}
