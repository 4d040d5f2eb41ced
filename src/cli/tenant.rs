use super::failure::Failure;
use super::operator::{Client, path};
use super::output::Output;
use crate::admin::wire::{NewTenant, Tenant};
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// Make a tenant with its own keys, ready for people and buckets.
    #[command(after_help = "Example: hozon tenant create hikari --facility 1312345678")]
    Create {
        /// A short name: 1 to 64 of a-z, 0-9, `.`, `_` and `-`.
        name: String,
        /// Its ten-digit facility code (医療機関コード).
        #[arg(long)]
        facility: Option<String>,
    },
    /// List all tenants.
    List,
    /// Show one tenant.
    Show {
        /// Its name or id.
        name: String,
    },
    /// Leave it to the tenant's own administrators to make people and credentials. There is no way back.
    #[command(
        after_help = "It needs two persons with the right manage-policy on `*`, each with a credential. Operators can still disable."
    )]
    HandOver {
        /// Its name or id.
        name: String,
    },
    /// Stop serving a tenant. Its data, keys and log stay as they are.
    Disable {
        /// Its name or id.
        name: String,
    },
}

pub(super) async fn run(arguments: Arguments, operator: &Client, output: Output) -> Result<(), Failure> {
    match arguments.asked {
        Asked::Create { name, facility } => {
            output.one(&operator.post::<Tenant>(&path(&["tenants"]), &NewTenant { name, facility }).await?, "name")
        }
        Asked::List => {
            let tenants: Vec<Tenant> = operator.get(&path(&["tenants"])).await?;
            output.many(&tenants, &["name", "facility", "standing", "created", "id"])
        }
        Asked::Show { name } => output.one(&operator.get::<Tenant>(&path(&["tenants", &name])).await?, "name"),
        Asked::HandOver { name } => output.one(&operator.post::<Tenant>(&path(&["tenants", &name, "hand-over"]), &()).await?, "name"),
        Asked::Disable { name } => output.one(&operator.post::<Tenant>(&path(&["tenants", &name, "disable"]), &()).await?, "name"),
    }
}
