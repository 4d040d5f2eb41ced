use super::failure::Failure;
use super::output::{self, Output};
use crate::app::{self, MigrationError, Moment};
use crate::config::{self, Settings};
use crate::engine::{CopyError, EngineError};
use crate::upkeep::Transfer;
use clap::{Args, Subcommand};
use indicatif::{HumanBytes, HumanCount, ProgressBar};
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// Move the index to another database, such as from a file to PostgreSQL, while no gateway runs.
    #[command(
        after_help = "The new index must be empty. Both are read whole and compared. From then on hozon refuses to serve with the old one: keep it\n\
        until the next backup. A move that is broken off leaves the old index as it was and the new one empty: run it again.\n\
        Example: hozon migrate index --config old.toml --to new.toml"
    )]
    Index {
        #[command(flatten)]
        configs: Configs,
    },
    /// Move the bodies to another store.
    #[command(
        after_help = "First with --ahead, while gateways run, as often as you like: what is there is not copied again. Then stop them and run it\n\
        without: the rest is copied, every body that the index names is looked for in the new store, and the new one takes over.\n\
        Example: hozon migrate store --config old.toml --to new.toml --ahead"
    )]
    Store {
        #[command(flatten)]
        configs: Configs,
        /// Copy what there is now, while gateways go on with the old store.
        #[arg(long)]
        ahead: bool,
    },
}

#[derive(Debug, Args)]
struct Configs {
    /// The configuration as it is.
    #[arg(long, env = "HOZON_CONFIG", default_value = "/etc/hozon/hozon.toml", value_name = "FILE")]
    config: PathBuf,
    /// The configuration as it shall be; it differs in what is moved only.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

impl Configs {
    fn load(&self) -> Result<(Settings, Settings), Failure> {
        Ok((config::load(&self.config).map_err(Failure::failed)?, config::load(&self.to).map_err(Failure::failed)?))
    }
}

pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(120));
    match arguments.asked {
        Asked::Index { configs } => {
            let (old, new) = configs.load()?;
            let told = |rows: u64| spinner.set_message(format!("{} rows in {:?}", HumanCount(rows), spinner.elapsed()));
            let moved = app::move_index(&old, &new, &told).await;
            spinner.finish_and_clear();
            let moved = moved.map_err(|error| advised(&error))?;
            output.fields(&moved, "index", &["tables", "store"])?;
            next(output, "Start the gateways with the new configuration. The old index is refused from now on.")
        }
        Asked::Store { configs, ahead } => {
            let (old, new) = configs.load()?;
            let told = |so_far: &Transfer| spinner.set_message(shown(so_far, &spinner));
            let moved = app::move_store(&old, &new, if ahead { Moment::Ahead } else { Moment::Now }, &told).await;
            spinner.finish_and_clear();
            let moved = moved.map_err(|error| advised(&error))?;
            match output {
                Output::Json => output.one(&moved, "store")?,
                Output::Table => {
                    output.fields(&moved, "store", &["transfer", "compared"])?;
                    output.fields(&moved.transfer, "blobs", &[])?;
                }
            }
            next(
                output,
                if ahead {
                    "The gateways go on with the old store. Stop them and run it without --ahead to take the new one over."
                } else {
                    "Start the gateways with the new configuration. The old store is refused from now on."
                },
            )
        }
    }
}

fn next(output: Output, text: &str) -> Result<(), Failure> {
    if output == Output::Table { output::write(&format!("\n{text}")) } else { Ok(()) }
}

fn shown(so_far: &Transfer, bar: &ProgressBar) -> String {
    let seconds = bar.elapsed().as_secs().max(1);
    let (copied, rate) = (HumanBytes(so_far.copied_bytes), HumanBytes(so_far.copied_bytes / seconds));
    format!("{} of {} bodies there; {copied} copied, {rate}/s", so_far.there + so_far.copied, so_far.blobs)
}

fn advised(error: &MigrationError) -> Failure {
    let advice = match error {
        _ if is_in_use(error) => "stop every gateway first".to_owned(),
        MigrationError::Copy(CopyError::NotEmpty) => "name an empty index in the new configuration".to_owned(),
        MigrationError::Filled(_) => "the old index goes on; stop every gateway, throw the new one away, and run it again".to_owned(),
        MigrationError::NotWhole { .. } => {
            format!("the old store goes on; put these right there and run it again: {}", app::findings(error).join("; "))
        }
        MigrationError::NotAsStored(..) => {
            format!("the old store goes on; take these out of the new one and run it again: {}", app::findings(error).join("; "))
        }
        MigrationError::Replica(_) => "name the replica of this store, an empty one, or none".to_owned(),
        _ => "everything is as it was: mend the cause, then run it again".to_owned(),
    };
    Failure::failed_by(error).advise(advice)
}

fn is_in_use(error: &MigrationError) -> bool {
    if matches!(error, MigrationError::GatewaysRun(_)) {
        return true;
    }
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        if matches!(error.downcast_ref(), Some(EngineError::InUse)) {
            return true;
        }
        cause = error.source();
    }
    false
}
