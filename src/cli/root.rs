use super::failure::Failure;
use super::output::Output;
use super::serve::ConfigFile;
use crate::config;
use crate::root::Root;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// Make the root key that all tenant keys are wrapped under, in the file that the configuration names.
    #[command(after_help = "Whoever loses this file loses every record, and whoever has it can read them.\n\
        Keep copies of it apart from copies of the data. With root.passphrase_file set, it is sealed under that passphrase.")]
    Create(ConfigFile),
}

pub(super) fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let Asked::Create(file) = arguments.asked;
    let root = config::load(&file.config).map_err(Failure::failed)?.root;
    Root::create_file(&root.key_file, &root.protection())
        .map_err(|error| Failure::failed(error).advise("an existing root key is never replaced"))?;
    output.one(&serde_json::json!({ "key_file": root.key_file, "sealed": root.passphrase_file.is_some() }), "key_file")
}
