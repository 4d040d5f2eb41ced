use super::DemoError;
use crate::files::sync_directory;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// `demo.json`: where the demo answers and who may ask. Scripts read it; its names are a contract (DESIGN §11).
#[derive(Debug, Serialize)]
pub(super) struct DemoFile<'a> {
    pub endpoint: String,
    pub ca: &'a Path,
    pub admin: &'a Path,
    pub data: &'a Path,
    pub config: &'a Path,
    pub region: &'a str,
    pub bucket: &'a str,
    pub plain_bucket: &'a str,
    pub people: &'a BTreeMap<String, DemoKeys>,
}

/// One person's credentials in the clear. They exist only in the demo.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct DemoKeys {
    pub tenant: String,
    pub access_key: String,
    pub secret_key: String,
}

/// Shows no secret.
impl std::fmt::Debug for DemoKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DemoKeys({})", self.access_key)
    }
}

/// The name under which a file is written before it takes its own.
pub(super) fn staged(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Writes a file that only its owner reads, whole or not at all. Once it returns, the file is durable under its name:
/// without the people in `credentials.json` the next start would begin anew and drop all records (promise 3).
pub(super) fn write_private(path: &Path, content: &[u8]) -> Result<(), DemoError> {
    let io = |source| DemoError::File { path: path.to_owned(), source };
    let beside = staged(path);
    if beside.exists() {
        fs::remove_file(&beside).map_err(io)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(io)?;
    file.write_all(content).map_err(io)?;
    file.sync_all().map_err(io)?;
    fs::rename(&beside, path).map_err(io)?;
    path.parent().map_or(Ok(()), sync_directory).map_err(io)
}
