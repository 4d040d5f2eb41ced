use super::failure::Failure;
use super::operator::{Client, path};
use super::output::Output;
use crate::admin::wire::{NewPrincipal, Principal};
use crate::domain::{Grant, PatientId, PrincipalKind, Profile, Purpose, Right, UnknownName};
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
    /// Add a person, app or device.
    #[command(after_help = "Example:\n  hozon principal create sato --tenant hikari --kind person --job-type physician \\\n    \
        --display-name '佐藤 医師' --grant karte=read,list,write-draft\n\n\
        Rights: read, list, write-draft, finalize, amend, delete-draft, manage-bucket, read-audit.\n\n\
        The institution sees in its audit log that this was done, and which rights were given.")]
    Create(New),
    /// List a tenant's people, apps and devices.
    List,
    /// Show one of them, with its grants.
    Show {
        /// The short name.
        name: String,
    },
    /// Keep someone out from now on. The record of what was done stays.
    Disable {
        /// The short name.
        name: String,
    },
}

#[derive(Debug, Args)]
struct New {
    /// A short name, unique in the tenant: 1 to 64 of a-z, 0-9, `.`, `_` and `-`.
    name: String,
    /// What it is: person, app, device or operator.
    #[arg(long, value_parser = PrincipalKind::parse)]
    kind: PrincipalKind,
    /// The name to show, such as a person's full name.
    #[arg(long, default_value = "", hide_default_value = true)]
    display_name: String,
    /// A job type (職種) by its code in job-types.toml; may be given several times.
    #[arg(long = "job-type", value_name = "CODE")]
    job_types: Vec<String>,
    /// A department; may be given several times.
    #[arg(long = "department", value_name = "NAME")]
    departments: Vec<String>,
    /// A care team, by the name that it has for patients; may be given several times.
    #[arg(long = "care-team", value_name = "NAME")]
    care_teams: Vec<String>,
    /// The only patient whose records count; may be given several times.
    #[arg(long = "patient-scope", value_name = "PATIENT", value_parser = PatientId::parse)]
    patient_scope: Vec<PatientId>,
    /// The purpose of requests that state none: treatment, payment, operations, research, emergency, patient-request.
    #[arg(long, value_parser = Purpose::parse)]
    purpose: Option<Purpose>,
    /// Rights on one bucket, or on all with `*`; may be given several times.
    #[arg(long = "grant", value_name = "BUCKET=RIGHT,RIGHT", value_parser = grant)]
    grants: Vec<Grant>,
}

pub(super) async fn run(arguments: Arguments, operator: &Client, output: Output) -> Result<(), Failure> {
    let tenant = named(&arguments.tenant)?;
    match arguments.asked {
        Asked::Create(new) => {
            let profile = Profile {
                display_name: new.display_name,
                job_types: new.job_types,
                departments: new.departments,
                care_teams: new.care_teams,
                patient_scope: new.patient_scope,
                default_purpose: new.purpose,
                grants: new.grants,
            };
            let new = NewPrincipal { name: new.name, kind: new.kind, profile };
            output.one(&operator.post::<Principal>(&path(&["tenants", tenant, "principals"]), &new).await?, "name")
        }
        Asked::List => {
            let people: Vec<Principal> = operator.get(&path(&["tenants", tenant, "principals"])).await?;
            output.many(&people, &["name", "kind", "standing", "display_name", "job_types", "grants"])
        }
        Asked::Show { name } => output.one(&operator.get::<Principal>(&path(&["tenants", tenant, "principals", &name])).await?, "name"),
        Asked::Disable { name } => {
            output.one(&operator.post::<Principal>(&path(&["tenants", tenant, "principals", &name, "disable"]), &()).await?, "name")
        }
    }
}

/// The tenant, which every such command must name.
pub(super) fn named(tenant: &str) -> Result<&str, Failure> {
    if tenant.is_empty() {
        return Err(Failure::usage("--tenant is missing").advise("`hozon tenant list` shows the names"));
    }
    Ok(tenant)
}

fn grant(text: &str) -> Result<Grant, UnknownName> {
    let (bucket, rights) = text.split_once('=').ok_or_else(|| UnknownName { name: text.to_owned() })?;
    let rights = rights.split(',').map(Right::parse).collect::<Result<Vec<_>, _>>()?;
    Ok(Grant { bucket: bucket.to_owned(), rights })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_a_bucket_and_rights() {
        let read = grant("karte=read,list").unwrap();
        assert_eq!((read.bucket.as_str(), read.rights), ("karte", vec![Right::Read, Right::List]));
        assert!(grant("karte").is_err() && grant("karte=").is_err() && grant("karte=reed").is_err());
    }
}
