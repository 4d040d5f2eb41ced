use super::error::ConfigError;
use crate::domain::{ClassRule, JobGroup, JobType, JobTypes, PatientNaming, Proof, RecordClass, RecordClasses, StartEvent};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassFile {
    class: Vec<Spanned<Class>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    id: RecordClass,
    label: String,
    years_by_law: Option<u16>,
    years_kept: Option<u16>,
    start: Start,
    basis: String,
    proof: Known,
    patient: Naming,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Start {
    Created,
    LastEntry,
    Completed,
    Dispensed,
    Used,
    Reported,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Known {
    Read,
    ToConfirm,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Naming {
    Required,
    Optional,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobFile {
    job_type: Vec<Spanned<Job>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    code: String,
    label: String,
    hc_role: Option<String>,
    group: Group,
    proof: Known,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Group {
    Clinical,
    Support,
    Machine,
    Patient,
    Outside,
}

/// The record classes in the file at `path`; those that hozon ships where none is given.
pub(super) fn record_classes(path: Option<&Path>) -> Result<RecordClasses, ConfigError> {
    let (path, text) = text(path, "config/record-classes.toml", include_str!("../../config/record-classes.toml"))?;
    let file: ClassFile = parse(path, &text)?;
    let mut rules = BTreeMap::new();
    for class in file.class {
        let at = class.span().start;
        let class = class.into_inner();
        if class.years_by_law.zip(class.years_kept).is_some_and(|(law, kept)| kept < law) {
            return Err(wrong(path, &text, at, format!("class `{}` is kept for fewer years than the law wants", class.id)));
        }
        let rule = ClassRule {
            label: class.label,
            years_by_law: class.years_by_law,
            years_kept: class.years_kept,
            start: class.start.into(),
            basis: class.basis,
            proof: class.proof.into(),
            patient: match class.patient {
                Naming::Required => PatientNaming::Required,
                Naming::Optional => PatientNaming::Optional,
            },
        };
        if rules.insert(class.id.clone(), rule).is_some() {
            return Err(wrong(path, &text, at, format!("class `{}` stands here twice", class.id)));
        }
    }
    Ok(RecordClasses::new(rules))
}

/// The job types in the file at `path`; those that hozon ships where none is given.
pub(super) fn job_types(path: Option<&Path>) -> Result<JobTypes, ConfigError> {
    let (path, text) = text(path, "config/job-types.toml", include_str!("../../config/job-types.toml"))?;
    let file: JobFile = parse(path, &text)?;
    let mut types = BTreeMap::new();
    for job in file.job_type {
        let at = job.span().start;
        let Job { code, label, hc_role, group, proof } = job.into_inner();
        if code.is_empty() || !code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            return Err(wrong(path, &text, at, format!("`{code}` is no job type code: it has letters a-z, digits and `_`")));
        }
        let job = JobType { label, hc_role, proof: proof.into(), group: group.into() };
        if types.insert(code.clone(), job).is_some() {
            return Err(wrong(path, &text, at, format!("job type `{code}` stands here twice")));
        }
    }
    Ok(JobTypes::new(types))
}

pub(super) fn text<'a>(path: Option<&'a Path>, shipped_name: &'a str, shipped: &str) -> Result<(&'a Path, String), ConfigError> {
    match path {
        None => Ok((Path::new(shipped_name), shipped.to_owned())),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
            Ok((path, text))
        }
    }
}

pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::in_text(path, text, &error))
}

pub(super) fn wrong(path: &Path, text: &str, at: usize, reason: String) -> ConfigError {
    let line = text.get(..at).unwrap_or(text).matches('\n').count() + 1;
    ConfigError::Wrong { path: path.to_owned(), line, column: 1, reason }
}

impl From<Start> for StartEvent {
    fn from(start: Start) -> Self {
        match start {
            Start::Created => Self::Created,
            Start::LastEntry => Self::LastEntry,
            Start::Completed => Self::Completed,
            Start::Dispensed => Self::Dispensed,
            Start::Used => Self::Used,
            Start::Reported => Self::Reported,
        }
    }
}

impl From<Known> for Proof {
    fn from(known: Known) -> Self {
        match known {
            Known::Read => Self::Read,
            Known::ToConfirm => Self::ToConfirm,
        }
    }
}

impl From<Group> for JobGroup {
    fn from(group: Group) -> Self {
        match group {
            Group::Clinical => Self::Clinical,
            Group::Support => Self::Support,
            Group::Machine => Self::Machine,
            Group::Patient => Self::Patient,
            Group::Outside => Self::Outside,
        }
    }
}
