//! The command line: starts gateways, checks a machine, and asks running gateways.
//!
//! Secrets are never arguments: they come from files and go to standard output once. Messages say what to do next,
//! and the exit code says whose turn it is. Way in: [`run`].

mod access;
mod arguments;
mod audit;
mod backup;
mod bucket;
mod credential;
mod demo;
mod doctor;
mod failure;
mod gateway;
mod migrate;
mod operator;
mod output;
mod principal;
mod ready;
mod recover;
mod root;
mod scrub;
mod serve;
mod store;
mod tenant;

use arguments::{Arguments, Command};
use clap::Parser;
use failure::Failure;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command line `arguments`, whose first is the program's name.
///
/// Exit codes: 0 done, 1 failed, 2 not understood, 3 refused, 4 nobody answered.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { failure::USAGE } else { 0 };
            let _closed = error.print(); // nobody reads
            return ExitCode::from(code);
        }
    };
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            ExitCode::from(failure.code())
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::failed)?;
    let Arguments { command, output, socket } = arguments;
    let operator = operator::Client::new(socket);
    runtime.block_on(async {
        match command {
            Command::Demo(asked) => demo::run(asked).await,
            Command::Serve(asked) => serve::run(asked).await,
            Command::Ready => ready::run(&operator, output).await,
            Command::Doctor(asked) => doctor::run(asked, output).await,
            Command::Root(asked) => root::run(asked, output),
            Command::Scrub(asked) => scrub::run(asked, &operator, output).await,
            Command::Backup(asked) => backup::run(asked, &operator, output).await,
            Command::Migrate(asked) => migrate::run(asked, output).await,
            Command::Recover(asked) => recover::recover(asked, output).await,
            Command::Restore(asked) => recover::restore(asked, output).await,
            Command::Store(asked) => store::run(asked, &operator, output).await,
            Command::Tenant(asked) => tenant::run(asked, &operator, output).await,
            Command::Principal(asked) => principal::run(asked, &operator, output).await,
            Command::Credential(asked) => credential::run(asked, &operator, output).await,
            Command::Bucket(asked) => bucket::run(asked, &operator, output).await,
            Command::Access(asked) => access::run(asked, output).await,
            Command::Audit(asked) => audit::run(asked, output).await,
        }
    })
}
