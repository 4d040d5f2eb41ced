use super::failure::Failure;
use super::operator::{Client, path};
use super::output::Output;
use super::serve::ConfigFile;
use crate::admin::wire::{AcceptIndex, Store};
use crate::domain::StoreId;
use crate::{app, config};
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// Show whether index and store belong together, and whether bodies that no row names are collected.
    Show,
    /// Say that an index that is behind its store is the right one. Bodies that it does not name will be deleted.
    #[command(after_help = "After an older copy of the index was put in place, everything stored since that copy has a body and no\n\
        row. Accept it only once nothing of that is wanted any more. It is recorded in every tenant's log.\n\
        Example: hozon store accept --seen 1234")]
    Accept {
        /// The generation that the store has seen, as `hozon store show` says.
        #[arg(long)]
        seen: u64,
    },
    /// Make index and store of a configuration belong together that do not, while no gateway runs.
    #[command(after_help = "For a gateway that refuses to start because its index and its store are not those of each other, once it is\n\
        known that they are meant. Nothing is deleted: bodies are collected again only after `hozon store accept`.\n\
        It is recorded in every tenant's log.")]
    Adopt {
        #[command(flatten)]
        file: ConfigFile,
        /// The id of the store, as the refused start names it; `none` for a store without a marker.
        #[arg(long, value_parser = there, value_name = "ID")]
        store: There,
    },
}

/// The store that the operator means.
#[derive(Debug, Clone, Copy)]
struct There(Option<StoreId>);

fn there(text: &str) -> Result<There, String> {
    if text == "none" {
        return Ok(There(None));
    }
    StoreId::parse(text).map(|id| There(Some(id))).map_err(|error| format!("{error}, or `none`"))
}

pub(super) async fn run(arguments: Arguments, operator: &Client, output: Output) -> Result<(), Failure> {
    let store = match arguments.asked {
        Asked::Show => operator.get::<Store>(&path(&["store"])).await?,
        Asked::Accept { seen } => operator.post(&path(&["store", "accept"]), &AcceptIndex { seen }).await?,
        Asked::Adopt { file, store } => {
            let settings = config::load(&file.config).map_err(Failure::failed)?;
            app::adopt(&settings, store.0)
                .await
                .map_err(|error| Failure::failed(error).advise("stop the gateway first; `hozon serve` says which store is there"))?
        }
    };
    output.one(&store, "store")
}
