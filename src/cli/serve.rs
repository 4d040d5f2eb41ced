use super::failure::Failure;
use crate::app::{Gateway, Reload, Supervisor};
use crate::config::{self, LogForm, LogSettings};
use crate::telemetry::{self, LogLevel};
use clap::Args;
use std::path::PathBuf;

/// Where the configuration is.
#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The configuration file; config/hozon.toml of the sources explains every key.
    #[arg(long, env = "HOZON_CONFIG", default_value = "/etc/hozon/hozon.toml", value_name = "FILE")]
    pub(super) config: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Stops in order on SIGTERM or Ctrl-C and finishes transfers; a second signal stops at once.\n\
    Before the first start: write the configuration, `hozon root create`, then `hozon doctor`.")]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let path = arguments.file.config;
    let settings = config::load(&path).map_err(|error| Failure::failed(error).advise("correct the file, or name another with --config"))?;
    let log_level = log(settings.log)?;
    let again = format!("`hozon doctor --config {}` says what is missing", path.display());
    let supervisor = Supervisor::from_environment().map_err(Failure::failed)?;
    let reload = Reload { file: path, log_level, supervisor };
    let gateway = Gateway::start(settings, reload).await.map_err(|error| Failure::failed(error).advise(again))?;
    gateway.run_until_told().await;
    Ok(())
}

/// Begins logging as set.
pub(super) fn log(settings: LogSettings) -> Result<LogLevel, Failure> {
    telemetry::log_panics_without_text();
    match settings.form {
        LogForm::Text => telemetry::log_text(settings.level),
        LogForm::Json => telemetry::log_json(settings.level),
    }
    .map_err(Failure::failed)
}
