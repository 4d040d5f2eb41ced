//! The wall clock of a process, which a test can turn while the process runs.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// Compiles the library that turns clocks, into `place`.
    pub(crate) fn library(place: &Path) -> PathBuf {
        let library = place.join("clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/clock.c");
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl").status();
        assert!(compiled.expect("needs a C compiler").success());
        library
    }

    pub(crate) fn new(library: &Path, file: &Path) -> Self {
        fs::write(file, 0_i64.to_ne_bytes()).unwrap();
        Self { library: library.to_owned(), file: file.to_owned() }
    }

    /// Gives the clock to a process that is about to start.
    pub(crate) fn give(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("CLOCK_FILE", &self.file);
    }

    /// Sets it so many seconds before or behind the true time.
    pub(crate) fn set(&self, seconds: i64) {
        OpenOptions::new().write(true).open(&self.file).unwrap().write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }
}
