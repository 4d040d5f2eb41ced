use super::DemoError;
use super::file::{staged, write_private};
use crate::files::make_directory;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Says that a directory, or the data in it, is a demo's. Written before anything else is: what has no such file
/// beside it was made by somebody else and is left alone.
const MARK: &str = ".hozon-demo";
const MARK_TEXT: &str = "What lies in this directory was made by `hozon demo`, which may delete it.\n";
/// How the configuration begins that a demo writes.
pub(super) const CONFIGURATION_HEAD: &str = "# Written by `hozon demo` at each start.\n";

/// Where the demo keeps its things, held by this process alone.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) dir: PathBuf,
    pub(super) ca: PathBuf,
    pub(super) server: PathBuf,
    pub(super) server_key: PathBuf,
    pub(super) root_key: PathBuf,
    pub(super) data: PathBuf,
    pub(super) config: PathBuf,
    pub(super) admin: PathBuf,
    pub(super) credentials: PathBuf,
    pub(super) demo_json: PathBuf,
    _lock: File,
}

impl Place {
    /// Takes the directory, which is made if it is not there. Changes nothing in one that is not a demo's.
    ///
    /// # Errors
    /// [`DemoError::Running`] while another demo has it, [`DemoError::Foreign`] when something is in the way.
    pub(super) fn take(dir: &Path) -> Result<Self, DemoError> {
        let io = |source| DemoError::File { path: dir.to_owned(), source };
        make_directory(dir).map_err(io)?;
        let dir = fs::canonicalize(dir).map_err(io)?;
        let lock = lock(&dir)?;
        Ok(Self {
            ca: dir.join("ca.pem"),
            server: dir.join("server.pem"),
            server_key: dir.join("server.key"),
            root_key: dir.join("root.key"),
            data: dir.join("data"),
            config: dir.join("hozon.toml"),
            admin: dir.join("admin.sock"),
            credentials: dir.join("credentials.json"),
            demo_json: dir.join("demo.json"),
            dir,
            _lock: lock,
        })
    }

    /// Makes the directory for data, or keeps the one that belongs to the people in `credentials.json`. Data of a demo
    /// that was cut off before it had written them down is of no use to anyone and goes.
    ///
    /// # Errors
    /// [`DemoError::Foreign`] for data without people that no demo has made.
    pub(super) fn make_room(&self) -> Result<(), DemoError> {
        if is_there(&self.credentials)? {
            return Ok(());
        }
        if !is_there(&self.data)? {
            make_directory(&self.data).map_err(|source| failed(&self.data, source))?;
            return write_private(&self.data.join(MARK), MARK_TEXT.as_bytes());
        }
        if !is_marked(&self.data)? && !is_unused(&self.data)? {
            return Err(DemoError::Foreign { path: self.data.clone() });
        }
        write_private(&self.data.join(MARK), MARK_TEXT.as_bytes())?;
        // The mark stays: a demo that is cut off here goes on from here.
        for item in fs::read_dir(&self.data).map_err(|source| failed(&self.data, source))? {
            let item = item.map_err(|source| failed(&self.data, source))?;
            let path = item.path();
            if item.file_name() == MARK {
                continue;
            }
            let is_directory = item.file_type().map_err(|source| failed(&path, source))?.is_dir();
            let removed = if is_directory { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(|source| failed(&path, source))?;
        }
        Ok(())
    }
}

/// Whether something is at `path`.
pub(super) fn is_there(path: &Path) -> Result<bool, DemoError> {
    // A link that leads nowhere is in the way all the same.
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(failed(path, source)),
    }
}

fn failed(path: &Path, source: std::io::Error) -> DemoError {
    DemoError::File { path: path.to_owned(), source }
}

/// Whether nothing is in a directory, or no more than a mark that a demo was cut off at writing.
fn is_unused(dir: &Path) -> Result<bool, DemoError> {
    let half = staged(&dir.join(MARK));
    for item in fs::read_dir(dir).map_err(|source| failed(dir, source))? {
        let item = item.map_err(|source| failed(dir, source))?;
        let is_file = item.file_type().map_err(|source| failed(dir, source))?.is_file();
        if item.path() != half || !is_file || !is_begun(&half)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file holds as much of a mark as had arrived when the power went: the rest is missing, or zeros.
fn is_begun(mark: &Path) -> Result<bool, DemoError> {
    let text = fs::read(mark).map_err(|source| failed(mark, source))?;
    let is_ours = text.iter().zip(MARK_TEXT.bytes()).all(|(found, ours)| *found == ours || *found == 0);
    Ok(is_ours && text.len() <= MARK_TEXT.len())
}

fn is_marked(dir: &Path) -> Result<bool, DemoError> {
    let mark = dir.join(MARK);
    match fs::read(&mark) {
        Ok(text) => Ok(text == MARK_TEXT.as_bytes()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(failed(&mark, source)),
    }
}

/// Locks the directory by its mark, which is made where nothing is in the way.
fn lock(dir: &Path) -> Result<File, DemoError> {
    let path = dir.join(MARK);
    if !is_there(&path)? {
        refuse_foreign(dir)?;
    }
    let mut lock = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(|source| failed(&path, source))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(DemoError::Running { dir: dir.to_owned() }),
        Err(errno) => return Err(failed(&path, errno.into())),
    }
    // Not whole where it was made just now, or by a demo that was cut off right there.
    if !is_marked(dir)? && is_begun(&path)? {
        refuse_foreign(dir)?;
        let marked = lock.set_len(0).and_then(|()| lock.write_all(MARK_TEXT.as_bytes())).and_then(|()| lock.sync_all());
        marked.map_err(|source| failed(&path, source))?;
    }
    if is_marked(dir)? { Ok(lock) } else { Err(DemoError::Foreign { path }) }
}

/// Refuses a directory that has something under a name of the demo's, unless a demo without marks has written it.
fn refuse_foreign(dir: &Path) -> Result<(), DemoError> {
    let config = dir.join("hozon.toml");
    let is_of_a_demo = fs::read_to_string(&config).is_ok_and(|text| text.starts_with(CONFIGURATION_HEAD));
    if is_of_a_demo && is_there(&dir.join("credentials.json"))? {
        return Ok(());
    }
    for name in ["hozon.toml", "root.key", "data", "ca.pem", "server.pem", "server.key", "credentials.json", "demo.json", "admin.sock"] {
        let path = dir.join(name);
        if is_there(&path)? {
            return Err(DemoError::Foreign { path });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Every file under `dir` with its content.
    fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = walkdir::WalkDir::new(dir).into_iter().map(Result::unwrap).filter(|item| item.file_type().is_file());
        files.map(|item| (item.path().to_owned(), fs::read(item.path()).unwrap())).collect()
    }

    #[test]
    fn nothing_of_anyone_is_deleted_or_written_over() {
        for name in ["data/thesis.txt", "hozon.toml", "root.key", "server.pem", "credentials.json"] {
            let dir = tempfile::tempdir().unwrap();
            let theirs = dir.path().join(name);
            fs::create_dir_all(theirs.parent().unwrap()).unwrap();
            fs::write(&theirs, "mine").unwrap();
            let refused = Place::take(dir.path()).unwrap_err();
            let named = if name.starts_with("data") { dir.path().join("data") } else { theirs.clone() };
            assert!(matches!(&refused, DemoError::Foreign { path } if *path == fs::canonicalize(&named).unwrap()), "{refused:?}");
            assert_eq!(tree(dir.path()), [(theirs, b"mine".to_vec())].into());
        }
    }

    #[test]
    fn data_that_came_into_a_demo_directory_later_is_not_the_demos() {
        let dir = tempfile::tempdir().unwrap();
        drop(Place::take(dir.path()).unwrap());
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::write(dir.path().join("data/thesis.txt"), "mine").unwrap();
        let place = Place::take(dir.path()).unwrap();
        let before = tree(dir.path());
        assert!(matches!(place.make_room(), Err(DemoError::Foreign { path }) if path == place.data));
        assert_eq!(tree(dir.path()), before);
    }

    #[test]
    fn data_of_a_demo_that_was_cut_off_goes_and_data_with_people_stays() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::take(dir.path()).unwrap();
        place.make_room().unwrap();
        fs::create_dir(place.data.join("blobs")).unwrap();
        fs::write(place.data.join("blobs/half"), "half").unwrap();
        fs::write(&place.credentials, "{}").unwrap();
        place.make_room().unwrap();
        assert!(place.data.join("blobs/half").exists());
        fs::remove_file(&place.credentials).unwrap();
        place.make_room().unwrap();
        assert_eq!(tree(&place.data).into_keys().collect::<Vec<_>>(), [place.data.join(MARK)]);
    }

    #[test]
    fn a_demo_that_was_cut_off_before_its_first_mark_begins_anew() {
        for half in ["", "What lies", "What lies\0\0\0", MARK_TEXT] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(MARK), half).unwrap();
            let place = Place::take(dir.path()).unwrap();
            fs::create_dir(&place.data).unwrap();
            fs::write(place.data.join(".hozon-demo.new"), half).unwrap();
            place.make_room().unwrap();
            assert_eq!(tree(&place.data), [(place.data.join(MARK), MARK_TEXT.into())].into());
        }
    }

    #[test]
    fn one_demo_at_a_time_has_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let first = Place::take(dir.path()).unwrap();
        assert!(matches!(Place::take(dir.path()), Err(DemoError::Running { .. })));
        drop(first);
        assert!(Place::take(dir.path()).is_ok());
    }

    #[test]
    fn a_demo_from_before_the_marks_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("hozon.toml"), format!("{CONFIGURATION_HEAD}profile = \"dev\"\n")).unwrap();
        fs::write(dir.path().join("credentials.json"), "{}").unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::write(dir.path().join("data/index.sqlite"), "rows").unwrap();
        let place = Place::take(dir.path()).unwrap();
        place.make_room().unwrap();
        assert_eq!(fs::read(place.data.join("index.sqlite")).unwrap(), b"rows");
    }
}
