#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]
//! The program from nothing to a served gateway: configuration, root key, doctor, serve, signals.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a start or stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A machine on which somebody installs hozon.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let machine = Self(dir);
        machine.certify();
        machine.configure("");
        machine
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn certify(&self) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(self.place("server.pem"), made.cert.pem()).unwrap();
        fs::write(self.place("server.key"), made.signing_key.serialize_pem()).unwrap();
    }

    fn configure(&self, more: &str) {
        let text = format!(
            "profile = \"dev\"\n[listener]\naddress = \"127.0.0.1:0\"\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n\
             [admin]\nsocket = \"admin.sock\"\n[index]\npath = \"data/index.sqlite\"\n[store]\ndirectory = \"data/blobs\"\n\
             [root]\nkey_file = \"root.key\"\n{more}"
        );
        fs::write(self.place("hozon.toml"), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hozon"));
        command.env_clear().current_dir("/").args(arguments).arg("--config").arg(self.place("hozon.toml"));
        command
    }

    fn hozon(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn findings(&self) -> (Option<i32>, Vec<(String, String, String)>) {
        let ran = self.hozon(&["doctor", "--output", "json"]);
        let findings: Vec<Value> = serde_json::from_slice(&ran.stdout).unwrap();
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
        let findings = findings.iter().map(|one| (text(one, "check"), text(one, "result"), text(one, "detail")));
        (ran.status.code(), findings.collect())
    }

    fn finding(&self, check: &str) -> (String, String) {
        let (_, findings) = self.findings();
        let found = findings.into_iter().find(|(name, ..)| name == check);
        found.map(|(_, result, detail)| (result, detail)).unwrap()
    }

    fn serve(&self) -> Serving {
        let log = fs::File::create(self.place("log")).unwrap();
        let process = self.command(&["serve"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let serving = Serving { process, log: self.place("log") };
        until(|| self.place("admin.sock").exists(), &serving.log);
        serving
    }
}

struct Serving {
    process: Child,
    log: PathBuf,
}

impl Serving {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap(), signal).unwrap();
    }

    fn says(&self, text: &str) {
        until(|| fs::read_to_string(&self.log).unwrap().contains(text), &self.log);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already; either way nothing of it is left.
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}

fn until(reached: impl Fn() -> bool, log: &Path) {
    let began = Instant::now();
    while !reached() {
        if began.elapsed() > PATIENCE {
            panic!("not reached:\n{}", fs::read_to_string(log).unwrap());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn said(ran: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
}

#[test]
fn a_root_key_is_made_once_for_its_owner_alone() {
    let machine = Machine::new();
    assert!(machine.hozon(&["root", "create"]).status.success());
    let made = fs::read(machine.place("root.key")).unwrap();
    assert_eq!(fs::metadata(machine.place("root.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let again = machine.hozon(&["root", "create"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("never replaced"), "{}", said(&again));
    assert_eq!(fs::read(machine.place("root.key")).unwrap(), made);
}

#[test]
fn the_doctor_finds_what_is_missing_and_makes_nothing() {
    let machine = Machine::new();
    let (code, _) = machine.findings();
    assert_eq!(code, Some(1));
    assert_eq!(machine.finding("root key").0, "bad");
    assert!(machine.finding("index").1.ends_with("will be made at the first start"));
    assert!(!machine.place("data").exists());

    machine.hozon(&["root", "create"]);
    fs::write(machine.place("server.key"), "no key").unwrap();
    assert!(machine.finding("certificate").1.contains("server.key"));
    machine.certify();
    let (code, findings) = machine.findings();
    assert_eq!(code, Some(0), "{findings:?}");
    assert!(!machine.place("data").exists());

    machine.configure("[log]\nlevel = \"loud\"\n");
    let (result, detail) = machine.finding("configuration");
    assert_eq!(result, "bad");
    assert!(detail.contains("hozon.toml:15:9: unknown variant `loud`"), "{detail}");
}

#[test]
fn a_gateway_starts_reads_its_certificate_again_and_stops_in_order() {
    let machine = Machine::new();
    machine.hozon(&["root", "create"]);
    let mut serving = machine.serve();
    until(|| machine.finding("gateway").1 == "is running and ready", &serving.log);
    assert!(machine.finding("index").1.ends_with("is in use by a gateway"));

    let second = machine.hozon(&["serve"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(said(&second).contains("another process has the index open"), "{}", said(&second));

    machine.certify();
    serving.signal(Signal::HUP);
    serving.says("the certificate was read again");
    fs::write(machine.place("server.key"), "no key").unwrap();
    serving.signal(Signal::HUP);
    serving.says("the certificate stays as it was");

    serving.signal(Signal::TERM);
    assert_eq!(serving.process.wait().unwrap().code(), Some(0), "{}", fs::read_to_string(&serving.log).unwrap());
    assert!(!machine.place("admin.sock").exists());
}

#[test]
fn a_gateway_that_cannot_start_says_why_and_what_next() {
    let machine = Machine::new();
    let ran = machine.hozon(&["serve"]);
    assert_eq!(ran.status.code(), Some(1));
    assert!(said(&ran).contains("because:") && said(&ran).contains("hozon doctor"), "{}", said(&ran));
    machine.configure("lease = 1\n");
    let ran = machine.hozon(&["serve"]);
    assert!(said(&ran).contains("hozon.toml:14:1: unknown field `lease`"), "{}", said(&ran));
}
