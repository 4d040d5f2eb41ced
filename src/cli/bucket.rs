use super::failure::Failure;
use super::operator::{Client, path};
use super::output::Output;
use super::principal::named;
use crate::admin::wire::{Bucket, Mode, NewBucket};
use crate::domain::RecordClass;
use clap::{Args, Subcommand, ValueEnum};

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
    /// Make a bucket.
    #[command(after_help = "Example: hozon bucket create karte --tenant hikari --mode records --default-class chart.medical")]
    Create {
        /// Its name, by the rules of S3.
        name: String,
        /// Its rules.
        #[arg(long, value_enum, default_value_t = Rules::Records)]
        mode: Rules,
        /// The class of records that state none, by its id in record-classes.toml.
        #[arg(long, value_name = "CLASS", value_parser = RecordClass::parse)]
        default_class: Option<RecordClass>,
    },
    /// List a tenant's buckets.
    List,
    /// Show one bucket.
    Show {
        /// Its name.
        name: String,
    },
    /// Keep everybody out of a bucket from now on. Its records stay as they are.
    Disable {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rules {
    /// Medical records: every version is kept, classes and patients are checked.
    Records,
    /// Ordinary S3: for whatever else an app stores, still sealed and audited.
    Plain,
}

pub(super) async fn run(arguments: Arguments, operator: &Client, output: Output) -> Result<(), Failure> {
    let tenant = named(&arguments.tenant)?;
    match arguments.asked {
        Asked::Create { name, mode, default_class } => {
            let mode = match mode {
                Rules::Records => Mode::Records,
                Rules::Plain => Mode::Plain,
            };
            let new = NewBucket { name, mode, default_class };
            output.one(&operator.post::<Bucket>(&path(&["tenants", tenant, "buckets"]), &new).await?, "name")
        }
        Asked::List => {
            let buckets: Vec<Bucket> = operator.get(&path(&["tenants", tenant, "buckets"])).await?;
            output.many(&buckets, &["name", "mode", "versioning", "standing", "default_class", "created"])
        }
        Asked::Show { name } => output.one(&operator.get::<Bucket>(&path(&["tenants", tenant, "buckets", &name])).await?, "name"),
        Asked::Disable { name } => {
            output.one(&operator.post::<Bucket>(&path(&["tenants", tenant, "buckets", &name, "disable"]), &()).await?, "name")
        }
    }
}
