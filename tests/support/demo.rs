//! A `hozon demo` of its own for a test: started as a user would start it, ended as a user or a power cut would.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a start or a clean stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// This is a running demo. Dropping it kills the process and removes its directory.
pub(crate) struct Demo {
    process: Child,
    /// Present where the directory is ours to remove.
    _scratch: Option<tempfile::TempDir>,
    directory: PathBuf,
}

impl Demo {
    /// Starts a fresh demo on a free port.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a fresh demo whose environment names other settings.
    pub(crate) fn start_with(settings: &[(String, String)]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("demo");
        let mut demo = Self::begin(&directory, settings);
        demo._scratch = Some(scratch);
        demo
    }

    /// Starts a demo in a directory that the caller keeps.
    pub(crate) fn start_in(directory: &Path) -> Self {
        Self::begin(directory, &[])
    }

    fn begin(directory: &Path, settings: &[(String, String)]) -> Self {
        fs::create_dir_all(directory).unwrap();
        let facts = directory.join("demo.json");
        // A killed demo leaves its file behind; only a new one says that this process answers.
        if facts.exists() {
            fs::remove_file(&facts).unwrap();
        }
        let log = File::create(directory.with_extension("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_hozon"))
            .args(["demo", "--listen", "127.0.0.1:0", "--dir"])
            .arg(directory)
            .envs(settings.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut demo = Self { process, _scratch: None, directory: directory.to_owned() };
        let began = Instant::now();
        while !facts.exists() {
            if let Some(status) = demo.process.try_wait().unwrap() {
                panic!("the demo ended with {status}:\n{}", demo.log());
            }
            assert!(began.elapsed() < PATIENCE, "the demo does not answer:\n{}", demo.log());
            thread::sleep(Duration::from_millis(20));
        }
        demo
    }

    /// What `demo.json` says.
    pub(crate) fn facts(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.directory.join("demo.json")).unwrap()).unwrap()
    }

    /// Its directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it has printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.with_extension("log")).unwrap()
    }

    /// Asks it to stop, as Ctrl-C does, and waits.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the demo does not stop:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs a script of `tests/interop` against it; its last lines are the failure's text.
    pub(crate) fn passes(&self, script: &str) {
        self.passes_words(script, &[]);
    }

    /// Runs those cases of a script that have one of `words` in their names.
    pub(crate) fn passes_words(&self, script: &str, words: &[&str]) {
        passes_in(script, &self.directory, words);
    }
}

/// Runs those cases of a script that have one of `words` in their names, against what `directory` tells of.
pub(crate) fn passes_in(script: &str, directory: &Path, words: &[&str]) {
    succeeds(script, python(script).arg(directory).args(words));
}

/// Runs a script of `tests/interop` that starts demos of its own.
pub(crate) fn passes_alone(script: &str) {
    succeeds(script, &mut python(script));
}

/// The same, with one more variable in its environment: settings of a gateway, as JSON.
pub(crate) fn passes_alone_with(script: &str, variable: &str, settings: Vec<(String, String)>) {
    let settings: serde_json::Map<_, _> = settings.into_iter().map(|(name, value)| (name, value.into())).collect();
    succeeds(script, python(script).env(variable, serde_json::Value::from(settings).to_string()));
}

fn succeeds(script: &str, command: &mut Command) {
    let said = command.output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    println!("{text}");
    assert!(said.status.success(), "{script}:\n{text}\n{}", String::from_utf8_lossy(&said.stderr));
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already; either way nothing of it is left.
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

/// A command that runs a script of `tests/interop`. `HOZON_PYTHON` names a Python that has boto3.
fn python(script: &str) -> Command {
    let mut command = Command::new(std::env::var("HOZON_PYTHON").unwrap_or_else(|_| "python3".to_owned()));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script));
    command.env("HOZON", env!("CARGO_BIN_EXE_hozon")).stdin(Stdio::null());
    command
}
