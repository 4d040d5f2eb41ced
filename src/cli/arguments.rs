use super::output::Output;
use super::{access, audit, backup, bucket, credential, demo, doctor, migrate, principal, recover, root, scrub, serve, store, tenant};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// hozon (保存): an encrypted S3 gateway for medical records.
#[derive(Debug, Parser)]
#[command(name = "hozon", version, about, long_about = None, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Begin with `hozon demo`: it needs no file and no server, and prints commands to paste.\n\
    Exit codes: 0 done, 1 failed, 2 not understood, 3 refused, 4 nobody answered.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    /// How results are shown.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(super) output: Output,
    /// Unix socket of the gateway's admin API.
    #[arg(long, global = true, env = "HOZON_SOCKET", default_value = "/run/hozon/admin.sock", value_name = "PATH")]
    pub(super) socket: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a gateway with two made-up hospitals, to try everything.
    Demo(demo::Arguments),
    /// Run a gateway.
    Serve(serve::Arguments),
    /// Ask whether the running gateway can serve, and what it misses. Exit code 1 when it cannot.
    Ready,
    /// Check whether a gateway could run here, and say what is missing.
    Doctor(doctor::Arguments),
    /// Make the root key, once for each installation.
    Root(root::Arguments),
    /// Show, accept or adopt what belongs together: index and store.
    Store(store::Arguments),
    /// Show, start, pause or resume the reading of all stored bodies again.
    Scrub(scrub::Arguments),
    /// Show the backup of the index, make a snapshot, list or verify what there is.
    Backup(backup::Arguments),
    /// Move the index to another database, or the bodies to another store.
    Migrate(migrate::Arguments),
    /// Make a lost index anew from its backup, while no gateway runs.
    Recover(recover::Recover),
    /// Make an index anew with its records as they were at an earlier moment, while no gateway runs.
    Restore(recover::Restore),
    /// Make, list, show or disable tenants (medical institutions).
    Tenant(tenant::Arguments),
    /// Make, list, show or disable the people, apps and devices of a tenant.
    Principal(principal::Arguments),
    /// Make, list, show or disable access keys.
    Credential(credential::Arguments),
    /// Make, list, show or disable buckets.
    Bucket(bucket::Arguments),
    /// See and change who may see what, as the tenant's administrator.
    Access(access::Arguments),
    /// Look into a tenant's audit log, as its auditor.
    Audit(audit::Arguments),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_has_a_help_text() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            for inner in command.get_subcommands() {
                assert!(inner.get_about().is_some(), "{}", inner.get_name());
                walk(inner);
            }
        }
        walk(&Arguments::command());
    }

    #[test]
    fn no_option_takes_a_secret() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                assert!(!id.contains("secret") && !id.contains("passphrase") || id.ends_with("_file"), "{id}");
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Arguments::command());
    }
}
