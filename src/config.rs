//! The configuration: a file as written becomes settings as meant.
//!
//! Every key has a default, a line in `config/hozon.toml` that says why, and bounds. A file that is wrong anywhere
//! changes nothing and is answered with file, line and reason. Secrets never stand in it, only the paths of files
//! that hold them. Way in: [`load`].

mod catalogue;
mod defaults;
mod environment;
mod error;
mod grid;
mod raw;
mod reload;
mod resolve;
mod stores;
mod within;

use raw::Raw;
use serde::{Deserialize, Serialize};
use std::path::Path;

pub use error::{ConfigError, Conflict};
pub use resolve::{Deviation, LogForm, LogSettings, RootSettings, Settings};

/// How strict the gateway is with itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// For hospitals in Japan: every mandatory control is on, and deviations are shown at each start.
    StrictJp,
    /// For trying things out.
    Dev,
}

impl Profile {
    /// Its name in the file and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StrictJp => "strict-jp",
            Self::Dev => "dev",
        }
    }
}

/// Reads the file at `path`, with `HOZON__SECTION__KEY` environment variables over it.
///
/// Relative paths in it are relative to its directory.
///
/// # Errors
/// [`ConfigError`] names the first thing that is wrong, and where.
pub fn load(path: &Path) -> Result<Settings, ConfigError> {
    read(path, std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))))
}

/// Reads the file at `path` with `variables` over it.
///
/// # Errors
/// [`ConfigError`] names the first thing that is wrong, and where.
pub fn read(path: &Path, variables: impl Iterator<Item = (String, String)>) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let raw: Raw = toml::from_str(&text).map_err(|error| ConfigError::in_text(path, &text, &error))?;
    resolve::resolve(environment::overlay(raw, variables)?, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file with every key at its default is the defaults: no key is missing in either.
    #[test]
    fn the_shipped_file_says_exactly_the_defaults() {
        let shipped: toml::Table = include_str!("../config/hozon.toml").parse().unwrap();
        let defaults = toml::Table::try_from(Raw::default()).unwrap();
        let mut filled = defaults.clone();
        filled.retain(|_, value| value.as_table().is_none_or(|section| !section.is_empty()));
        assert_eq!(shipped, filled);
    }

    #[test]
    fn every_key_of_the_shipped_file_has_its_reason_right_above() {
        let mut before = "";
        for line in include_str!("../config/hozon.toml").lines() {
            let is_key = line.contains(" = ") && !line.starts_with("# ") || line.starts_with("#~ ");
            assert!(!is_key || before.starts_with("# ") || before.starts_with("#~ "), "{line}");
            before = line;
        }
    }

    /// The marks in the file are what happens at SIGHUP.
    #[test]
    fn every_key_of_the_shipped_file_says_whether_it_can_change_while_running() {
        let (mut before, mut section, mut marked) = ("", "", Vec::new());
        for line in include_str!("../config/hozon.toml").lines() {
            let key = line.strip_prefix("#~ ").unwrap_or(line);
            if let Some(name) = key.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
                section = name;
            } else if let Some((name, _)) = key.split_once(" = ").filter(|_| !line.starts_with("# ")) {
                assert!(before.ends_with(" [reload]") || before.ends_with(" [restart]"), "{line}");
                if before.ends_with(" [restart]") {
                    let name = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
                    let whole = ["index", "store", "replica", "backup"].into_iter().find(|whole| section.split('.').next() == Some(*whole));
                    marked.push(whole.map_or(name, str::to_owned));
                }
            }
            before = line;
        }
        marked.dedup();
        assert_eq!(marked, Settings::needing_restart().collect::<Vec<_>>());
    }

    #[test]
    fn optional_keys_of_the_shipped_file_are_keys() {
        let shipped = include_str!("../config/hozon.toml");
        let with_optional = shipped.replace("#~ ", "");
        let raw: Raw = toml::from_str(&with_optional).unwrap();
        assert!(raw.index.postgres.is_some() && raw.store.s3.is_some() && raw.store.azure.is_some() && raw.store.gcs.is_some());
        assert!(raw.replica.is_some() && raw.backup.is_some() && raw.root.passphrase_file.is_some());
        assert!(raw.catalogue.record_classes.is_some() && raw.catalogue.job_types.is_some() && raw.catalogue.access_grid.is_some());
        assert!(raw.admin.metrics_listen.is_some());
    }
}
