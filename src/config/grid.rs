use super::catalogue::{parse, text, wrong};
use super::error::ConfigError;
use crate::domain::{AccessGrid, Enters, JobTypes, RecordClass, RecordClasses, Right};
use serde::Deserialize;
use std::path::Path;
use toml::Spanned;

/// The rights that are about a record of some class.
const RIGHTS: [Right; 6] = [Right::Read, Right::List, Right::WriteDraft, Right::Finalize, Right::Amend, Right::DeleteDraft];
/// The class that `*` does not stand for: what of the log lies in a bucket.
const LOG: &str = "audit.log";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GridFile {
    row: Vec<Spanned<Row>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    job_types: Vec<String>,
    classes: Vec<String>,
    may: Vec<Right>,
    #[serde(default)]
    proxy: bool,
}

/// The grid in the file at `path`; the one that hozon ships where none is given.
///
/// A row of the shipped grid that names what an own catalogue does not have is of no use and left out. An own grid is
/// held to the catalogue: a name that stands nowhere else is a slip of the pen.
pub(super) fn access_grid(path: Option<&Path>, classes: &RecordClasses, jobs: &JobTypes) -> Result<AccessGrid, ConfigError> {
    let is_own = path.is_some();
    let (path, text) = text(path, "config/access-grid.toml", include_str!("../../config/access-grid.toml"))?;
    let file: GridFile = parse(path, &text)?;
    let mut grid = AccessGrid::default();
    for row in file.row {
        let at = row.span().start;
        let row = row.into_inner();
        let said = |reason: String| wrong(path, &text, at, reason);
        if let Some(right) = row.may.iter().find(|right| !RIGHTS.contains(right)) {
            return Err(said(format!("`{}` is no right on records of a class", right.name())));
        }
        if is_own && let Some(unknown) = row.job_types.iter().find(|code| jobs.job_type(code).is_none()) {
            return Err(said(format!("`{unknown}` is no job type of this configuration")));
        }
        let meant = meant(&row.classes, classes);
        if let Some(unknown) = meant.iter().find(|class| is_own && classes.rule(class).is_none()) {
            return Err(said(format!("`{unknown}` is no record class of this configuration")));
        }
        if let Some(bad) = row.classes.iter().find(|class| *class != "*" && RecordClass::parse(class).is_err()) {
            return Err(said(format!("`{bad}` is no record class")));
        }
        let enters = if row.proxy { Enters::AsProxy } else { Enters::Oneself };
        for class in meant.iter().filter(|class| classes.rule(class).is_some()) {
            for job in row.job_types.iter().filter(|code| jobs.job_type(code).is_some()) {
                row.may.iter().for_each(|right| grid.allow((job, class), *right, enters));
            }
        }
    }
    Ok(grid)
}

fn meant(named: &[String], all: &RecordClasses) -> Vec<RecordClass> {
    if named.iter().any(|name| name == "*") {
        return all.iter().map(|(class, _)| class.clone()).filter(|class| class.as_str() != LOG).collect();
    }
    named.iter().filter_map(|name| RecordClass::parse(name).ok()).collect()
}
