use super::failure::Failure;
use super::operator::{Client, path};
use super::output::{Output, write};
use super::principal::named;
use crate::admin::wire::{Credential, MadeCredential, NewCredential};
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    asked: Asked,
    /// The tenant, by name or id.
    #[arg(long, global = true, value_name = "NAME", default_value = "", hide_default_value = true)]
    tenant: String,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// Make an access key. Its secret half is shown once and cannot be shown again.
    #[command(after_help = "Example: hozon credential create --tenant hikari --principal sato --expires 2027-03-31T15:00:00Z")]
    Create {
        /// Whose, by short name.
        #[arg(long, value_name = "NAME")]
        principal: String,
        /// When it ends, as an RFC 3339 moment.
        #[arg(long, value_name = "MOMENT")]
        expires: Option<String>,
    },
    /// List a tenant's access keys.
    List {
        /// Only those of one principal.
        #[arg(long, value_name = "NAME")]
        principal: Option<String>,
    },
    /// Show one access key, without its secret half.
    Show {
        /// The access key.
        access_key: String,
    },
    /// Refuse an access key from now on.
    Disable {
        /// The access key.
        access_key: String,
    },
}

pub(super) async fn run(arguments: Arguments, operator: &Client, output: Output) -> Result<(), Failure> {
    let tenant = named(&arguments.tenant)?;
    let all = path(&["tenants", tenant, "credentials"]);
    match arguments.asked {
        Asked::Create { principal, expires } => {
            let made: MadeCredential = operator.post(&all, &NewCredential { principal, expires }).await?;
            output.one(&made, "access_key")?;
            if output == Output::Table {
                write("\nStore the secret key now: it is not kept in clear and cannot be shown again.")?;
            }
            Ok(())
        }
        Asked::List { principal } => {
            let query = principal.map_or_else(String::new, |name| format!("?principal={}", path(&[&name]).trim_start_matches("/v1/")));
            let keys: Vec<Credential> = operator.get(&format!("{all}{query}")).await?;
            output.many(&keys, &["access_key", "principal", "standing", "created", "expires"])
        }
        Asked::Show { access_key } => {
            output.one(&operator.get::<Credential>(&path(&["tenants", tenant, "credentials", &access_key])).await?, "access_key")
        }
        Asked::Disable { access_key } => {
            let disable = path(&["tenants", tenant, "credentials", &access_key, "disable"]);
            output.one(&operator.post::<Credential>(&disable, &()).await?, "access_key")
        }
    }
}
