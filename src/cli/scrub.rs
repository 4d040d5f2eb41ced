use super::failure::Failure;
use super::operator::{Client, path};
use super::output::{self, Output};
use crate::admin::wire::{Scrub, ScrubPass};
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Clone, Copy, Subcommand)]
#[command(
    after_help = "Every stored body is read again in each cycle (`[scrub]` in the configuration) and compared with its row. What is\n\
    damaged stands in the tenant's audit log; records themselves are not opened."
)]
enum Asked {
    /// Show how far the pass is, when the last full one ended, and what was found.
    Status,
    /// Begin a pass now; where one is under way, another one behind it.
    Start,
    /// Let it rest. A pass under way goes on later where it stood.
    Pause,
    /// Let it rest no longer.
    Resume,
}

/// What the table shows of each finding.
const FINDING: &[&str] = &["damage", "at", "tenant", "bucket", "version", "upload", "part", "blob", "length", "state", "recorded"];

pub(super) async fn run(arguments: Arguments, operator: &Client, output: Output) -> Result<(), Failure> {
    let order = |order| path(&["scrub", order]);
    let scrub: Scrub = match arguments.asked {
        Asked::Status => operator.get(&path(&["scrub"])).await?,
        Asked::Start => operator.post(&order("start"), &()).await?,
        Asked::Pause => operator.post(&order("pause"), &()).await?,
        Asked::Resume => operator.post(&order("resume"), &()).await?,
    };
    match output {
        Output::Json => output.one(&scrub, "scrub"),
        Output::Table => table(scrub),
    }
}

/// First the job, then what its newest pass has counted, then what it found; the pass before where that found something.
fn table(mut scrub: Scrub) -> Result<(), Failure> {
    let (pass, before) = (std::mem::take(&mut scrub.pass), scrub.before.take());
    Output::Table.fields(&scrub, "scrub", &["pass", "before"])?;
    shown(&pass, "this pass")?;
    match before.filter(|before| !before.findings.is_empty()) {
        Some(before) => shown(&before, "the full pass before"),
        None => Ok(()),
    }
}

fn shown(pass: &ScrubPass, heading: &str) -> Result<(), Failure> {
    output::write(&format!("\n{heading}:"))?;
    Output::Table.fields(pass, "coverage_percent", &["findings"])?;
    if pass.findings.is_empty() {
        return Ok(());
    }
    output::write("")?;
    Output::Table.many(&pass.findings, FINDING)
}
