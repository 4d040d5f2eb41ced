use super::failure::Failure;
use super::output::Output;
use super::serve::ConfigFile;
use crate::admin::wire::Readiness;
use crate::app;
use crate::blob::{BlobSettings, BlobStore};
use crate::config::{self, Settings};
use crate::domain::{Clock, SystemClock, UtcTime, causes};
use crate::engine::{EngineError, SqliteEngine};
use crate::listener::{Certificate, WireSettings};
use crate::root::Root;
use crate::seal::Aead;
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
    findings.push(index(settings));
    progress.set_message("store: writing, reading and deleting test objects");
    findings.push(store(&settings.store).await);
}

fn clock(now: UtcTime) -> Finding {
    if now > CLOCK_FLOOR {
        good("clock", now.to_string())
    } else {
        Finding { check: "clock", result: Outcome::Bad, detail: format!("{now} cannot be: set the machine's clock") }
    }
}

async fn gateway(socket: &Path) -> Finding {
    match super::operator::Client::new(socket.to_owned()).get::<Readiness>("/readyz").await {
        Ok(readiness) if readiness.ready => good("gateway", "is running and ready".to_owned()),
        Ok(readiness) => {
            let unready = readiness.dependencies.iter().filter(|dependency| !dependency.ready);
            let said: Vec<String> = unready
                .map(|dependency| format!("{}: {}", dependency.name, dependency.problem.as_deref().unwrap_or("not ready")))
                .collect();
            Finding { check: "gateway", result: Outcome::Bad, detail: format!("is running, not ready: {}", said.join("; ")) }
        }
        Err(_nobody) => good("gateway", "none is running on this socket".to_owned()),
    }
}

/// Opens the index only if it is there: looking must not make it, perhaps as another user.
fn index(settings: &Settings) -> Finding {
    let path = &settings.index.path;
    if !path.exists() {
        return good("index", format!("{} will be made at the first start", path.display()));
    }
    match SqliteEngine::open(&settings.index, Arc::new(SystemClock)) {
        Ok(_) => good("index", path.display().to_string()),
        Err(EngineError::InUse) => good("index", format!("{} is in use by a gateway", path.display())),
        Err(error) => bad("index", &error),
    }
}

async fn store(settings: &BlobSettings) -> Finding {
    if let BlobSettings::Local { directory } = settings
        && !directory.exists()
    {
        return good("store", format!("{} will be made at the first start", directory.display()));
    }
    let store = match BlobStore::open(settings) {
        Ok(store) => store,
        Err(error) => return bad("store", &error),
    };
    match store.probe(SystemClock.now()).await {
        Ok(_) => good("store", "keeps its promises".to_owned()),
        Err(error) => bad("store", &error),
    }
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
