use super::backup::Scratch;
use super::failure::Failure;
use super::output::{self, Output};
use super::serve::ConfigFile;
use crate::app::{self, Recovery, RecoveryError, Wanted};
use crate::backup::{BackupError, Choice, PieceName};
use crate::config;
use crate::domain::{ChainId, UtcTime};
use crate::engine::{CopyError, EngineError};
use crate::upkeep::Reconciliation;
use clap::Args;
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Args)]
#[command(
    after_help = "The configuration names the backup and the index, which must be empty: move a damaged one away, do not delete it. The index is\n\
    filled whole or stays empty, is compared with the stored bodies, and collects nothing before `hozon store accept`.\n\
    Example: hozon recover --config /etc/hozon/hozon.toml"
)]
pub(super) struct Recover {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    chosen: Chosen,
}

/// Which state of which backup, where it is not to be the newest of all.
#[derive(Debug, Args)]
pub(super) struct Chosen {
    /// Use only this backup, as `hozon backup list` names it.
    #[arg(long, value_parser = chain, value_name = "BACKUP")]
    backup: Option<ChainId>,
    /// Use nothing that is newer than this moment: what was changed later is lost.
    #[arg(long, value_parser = moment, value_name = "TIME")]
    until: Option<UtcTime>,
    /// Act as if this piece were not there, such as one that no gateway has written. May be given several times.
    #[arg(long, value_parser = piece, value_name = "PIECE")]
    without: Vec<PieceName>,
}

impl Chosen {
    pub(super) fn choice(self) -> Choice {
        Choice { chain: self.backup, until: self.until, without: self.without }
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Records are as they were then. People, credentials, keys, rules and logs are the newest that the backup has: what was revoked or\n\
    destroyed since stays so, and versions that are final stay. The index must be empty; it collects nothing before `hozon store accept`.\n\
    Example: hozon restore --to 2026-11-20T08:00:00Z --config /etc/hozon/hozon.toml"
)]
pub(super) struct Restore {
    #[command(flatten)]
    file: ConfigFile,
    /// The moment, with its offset, such as 2026-11-20T17:00:00+09:00.
    #[arg(long, value_parser = moment, value_name = "TIME")]
    to: UtcTime,
    /// A directory with room for two copies of the index, which are removed again.
    #[arg(long, value_name = "DIR", default_value = ".")]
    scratch: PathBuf,
    #[command(flatten)]
    chosen: Chosen,
}

fn chain(text: &str) -> Result<ChainId, String> {
    ChainId::parse(text).map_err(|error| error.to_string())
}

fn piece(text: &str) -> Result<PieceName, String> {
    PieceName::parse(text).ok_or_else(|| "a piece's name is as `hozon backup verify` shows it".to_owned())
}

fn moment(text: &str) -> Result<UtcTime, String> {
    UtcTime::parse(text).map_err(|error| error.to_string())
}

pub(super) async fn recover(arguments: Recover, output: Output) -> Result<(), Failure> {
    made_anew(&arguments.file.config, (Wanted::Newest, arguments.chosen.choice()), output).await
}

pub(super) async fn restore(arguments: Restore, output: Output) -> Result<(), Failure> {
    let scratch = Scratch::new(&arguments.scratch)?;
    let wanted = Wanted::Earlier { at: arguments.to, scratch: &scratch.0 };
    made_anew(&arguments.file.config, (wanted, arguments.chosen.choice()), output).await
}

async fn made_anew(file: &Path, (wanted, choice): (Wanted<'_>, Choice), output: Output) -> Result<(), Failure> {
    let settings = config::load(file).map_err(Failure::failed)?;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner.set_message("filling the index");
    let told = |so_far: &Reconciliation| spinner.set_message(format!("comparing with the store: {} frames", so_far.frames));
    let report = app::recover(&settings, (wanted, &choice), &told).await.map_err(advised)?;
    spinner.finish_and_clear();
    show(&report, output)
}

fn show(report: &Recovery, output: Output) -> Result<(), Failure> {
    output.fields(report, "index", &["store"])?;
    if matches!(output, Output::Json) {
        return Ok(());
    }
    if let Some(store) = &report.store {
        output::write("\nindex and store:")?;
        output.fields(store, "frames", &["findings"])?;
        if !store.findings.is_empty() {
            output::write("")?;
            output.many(&store.findings, &["damage", "blob", "bucket", "version", "in_replica"])?;
        }
    }
    output::write("\nNothing is collected yet. Start a gateway, look at the records, then `hozon store show` and `hozon store accept`.")
}

/// What to do about it.
pub(super) fn advised(error: RecoveryError) -> Failure {
    if let RecoveryError::Backup(BackupError::Broken { until, .. } | BackupError::Gap { until, .. }) = &error {
        // Texts of moments have whole seconds or more digits, and never less than the moment.
        let advice = format!(
            "`--until {until}` takes what came before it and loses what came after; where no gateway has written the piece, `--without` it"
        );
        return Failure::failed(error).advise(&advice);
    }
    let advice = match &error {
        RecoveryError::Backup(BackupError::Copy(CopyError::NotEmpty)) => {
            "move the index away (of PostgreSQL: name another schema), and run it again: it fills an empty one only"
        }
        RecoveryError::Backup(BackupError::Copy(CopyError::Engine(EngineError::InUse))) => "stop the gateway first",
        RecoveryError::Backup(BackupError::Several { .. }) | RecoveryError::OtherStore { .. } => {
            "`hozon backup list` shows what there is: name the one to use with --backup"
        }
        RecoveryError::Backup(BackupError::OtherForm { .. }) => "the pieces say nothing else to this program",
        RecoveryError::Filled(_) => {
            "mend the cause and start a gateway: it collects nothing before `hozon store show` and `hozon store accept`"
        }
        RecoveryError::Backup(BackupError::Root(_)) => "put the root key of the time of the backup in place, with its passphrase",
        RecoveryError::Backup(BackupError::NoSnapshot(_)) => "`hozon backup list` says what there is",
        _ => "the index is as it was: mend the cause, then run it again",
    };
    Failure::failed(error).advise(advice)
}
