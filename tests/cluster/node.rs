//! One gateway of several: `hozon serve` on the configuration of a demo, with the clock of its own that the test turns.

use crate::clock::Clock;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Node {
    process: Option<Child>,
    config: PathBuf,
    place: PathBuf,
    port: u16,
    settings: Vec<(String, String)>,
    clock: Clock,
}

impl Node {
    /// Starts the gateway `name` in `place` and returns once it answers.
    pub(crate) fn start(name: &str, config: &Path, place: &Path, settings: &[(String, String)], clocks: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut settings = settings.to_vec();
        settings.push(("HOZON__LISTENER__ADDRESS".to_owned(), format!("127.0.0.1:{port}")));
        settings.push(("HOZON__ADMIN__SOCKET".to_owned(), place.join(format!("{name}.sock")).display().to_string()));
        let clock = Clock::new(clocks, &place.join(format!("{name}.clock")));
        let mut node = Self { process: None, config: config.to_owned(), place: place.join(name), port, settings, clock };
        node.resume();
        node
    }

    /// Starts it again after [`Node::kill`].
    pub(crate) fn resume(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.place.with_extension("log")).unwrap();
        self.spawn(log);
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.process.as_mut().and_then(|process| process.try_wait().unwrap()) {
                // What it needs was away: as a service manager would, try again.
                assert!(began.elapsed() < PATIENCE, "a node ended with {status}:\n{}", self.log());
                thread::sleep(Duration::from_millis(500));
                let log = fs::OpenOptions::new().append(true).open(self.place.with_extension("log")).unwrap();
                self.spawn(log);
            }
            assert!(began.elapsed() < PATIENCE, "a node does not answer:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn spawn(&mut self, log: File) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hozon"));
        command.args(["serve", "--config"]).arg(&self.config).envs(self.settings.iter().cloned());
        self.clock.give(&mut command);
        let process = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.process = Some(process);
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
