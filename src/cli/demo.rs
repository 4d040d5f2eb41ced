use super::failure::Failure;
use super::serve::log;
use crate::config::{LogForm, LogSettings};
use crate::demo;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Everything lies in the directory: certificates, keys, data, and demo.json with who may do what.\n\
    Started there again, it goes on with the same people and records.")]
pub(super) struct Arguments {
    /// Where the demo keeps everything.
    #[arg(long, default_value = "./hozon-demo")]
    dir: PathBuf,
    /// Where it listens; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "ADDRESS")]
    listen: SocketAddr,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let log_level = log(LogSettings { level: tracing::Level::WARN, form: LogForm::Text })?;
    demo::run(&arguments.dir, arguments.listen, log_level).await.map_err(|error| {
        let advice = error.advice();
        let failure = Failure::failed(error);
        match advice {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    })
}
