use super::failure::Failure;
use super::operator::{Client, path};
use super::output::Output;
use super::recover::{Chosen, advised};
use super::serve::ConfigFile;
use crate::admin::wire::Backup;
use crate::backup::Chain;
use crate::{app, config};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Subcommand)]
#[command(
    after_help = "A backup holds the index: every name and attribute sealed, every key wrapped. Bodies lie in the store of bodies. Besides it,\n\
    keep the root key file and its passphrase: without them neither backup nor bodies open."
)]
enum Asked {
    /// Show up to when everything is in the backup, and its newest snapshot.
    Status,
    /// Make a snapshot of the whole index now.
    Now,
    /// List what the backup's store holds, without asking a gateway.
    List {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Restore the newest state into a scratch place, have the root open every tenant key in it, and compare bodies drawn at random
    /// with the restored rows. Disturbs no gateway. Exit code 1 when something is wrong.
    Drill {
        #[command(flatten)]
        file: ConfigFile,
        /// Bodies to read.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        records: u32,
        /// A directory with room for a copy of the index, which is removed again.
        #[arg(long, value_name = "DIR", default_value = ".")]
        scratch: PathBuf,
        #[command(flatten)]
        chosen: Chosen,
    },
    /// Read every piece that a recovery would need now, without asking a gateway. Exit code 1 when one is damaged.
    Verify {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        chosen: Chosen,
    },
}

/// One unbroken backup, as a list shows it.
#[derive(Debug, Serialize)]
struct Listed {
    backup: String,
    snapshots: usize,
    newest_snapshot: Option<String>,
    segments: usize,
    until: Option<String>,
    bytes: u64,
}

pub(super) async fn run(arguments: Arguments, operator: &Client, output: Output) -> Result<(), Failure> {
    match arguments.asked {
        Asked::Status => output.one(&operator.get::<Backup>(&path(&["backup"])).await?, "backup"),
        Asked::Now => output.one(&operator.post::<Backup>(&path(&["backup", "now"]), &()).await?, "backup"),
        Asked::List { file } => {
            let settings = config::load(&file.config).map_err(Failure::failed)?;
            let shelf = app::shelf(&settings).map_err(Failure::failed)?;
            let listed: Vec<Listed> = shelf.chains().await.map_err(Failure::failed)?.iter().map(listed).collect();
            output.many(&listed, &["backup", "snapshots", "newest_snapshot", "segments", "until", "bytes"])
        }
        Asked::Drill { file, records, scratch, chosen } => {
            let settings = config::load(&file.config).map_err(Failure::failed)?;
            let scratch = Scratch::new(&scratch)?;
            let drilled = app::drill(&settings, &chosen.choice(), (&scratch.0, records)).await.map_err(advised)?;
            output.one(&drilled, "drill")?;
            if drilled.drill == "good" { Ok(()) } else { Err(Failure::wrong("a recovery from this backup would lack something")) }
        }
        Asked::Verify { file, chosen } => {
            let settings = config::load(&file.config).map_err(Failure::failed)?;
            let bar = bar();
            let told = |done: usize, all: usize| {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
            };
            let checked = app::check(&settings, &chosen.choice(), &told).await.map_err(advised)?;
            bar.finish_and_clear();
            output.many(&checked, &["piece", "at", "rows", "result"])?;
            let bad = checked.iter().filter(|piece| piece.result != "good").count();
            if bad == 0 {
                return Ok(());
            }
            let advice = "run `hozon backup now`: a new snapshot needs nothing of what came before it";
            Err(Failure::wrong(format!("{bad} of {} pieces cannot be read", checked.len())).advise(advice))
        }
    }
}

fn listed(chain: &Chain) -> Listed {
    let newest = chain.snapshots.last().map(|(name, _)| name.at);
    let until = chain.journal.last().map(|(name, _)| name.at).into_iter().chain(newest).max();
    Listed {
        backup: chain.id.to_string(),
        snapshots: chain.snapshots.len(),
        newest_snapshot: newest.map(|at| at.to_string()),
        segments: chain.journal.len(),
        until: until.map(|at| at.to_string()),
        bytes: chain.snapshots.iter().chain(&chain.journal).map(|(_, bytes)| bytes).sum(),
    }
}

/// A directory that goes again.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new(above: &Path) -> Result<Self, Failure> {
        let place = above.join(format!("hozon-scratch-{}", std::process::id()));
        let failed = |error: std::io::Error| Failure::failed(error).advise("name another directory with --scratch");
        crate::files::make_directory(&place).map_err(failed)?;
        Ok(Self(place))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(place = %self.0.display(), %error, "a scratch directory is left behind");
        }
    }
}

/// A bar on the terminal; nothing where there is none.
pub(super) fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
