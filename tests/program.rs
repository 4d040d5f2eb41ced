#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]
//! The program from nothing to a served gateway: configuration, root key, doctor, serve, signals.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
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
        self.configure_as("dev", more);
    }

    fn configure_as(&self, profile: &str, more: &str) {
        let text = format!(
            "profile = \"{profile}\"\n[listener]\naddress = \"127.0.0.1:0\"\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n\
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

    /// What a command of the operator says.
    fn operator(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hozon"));
        command.env_clear().arg("--socket").arg(self.place("admin.sock")).args(arguments).output().unwrap()
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
    serving.says("the configuration was read again");
    fs::write(machine.place("server.key"), "no key").unwrap();
    serving.signal(Signal::HUP);
    serving.says("the configuration stays as it was");
    assert!(serving.log().contains("server.key"), "{}", serving.log());

    serving.signal(Signal::TERM);
    assert_eq!(serving.process.wait().unwrap().code(), Some(0), "{}", fs::read_to_string(&serving.log).unwrap());
    assert!(!machine.place("admin.sock").exists());
}

#[test]
fn a_stop_is_in_order_as_soon_as_anybody_can_know_that_the_gateway_runs() {
    let machine = Machine::new();
    machine.hozon(&["root", "create"]);
    for _start in 0..5 {
        let mut serving = machine.serve();
        // The first sign of it that others see.
        while !serving.log().contains("serving") {
            std::thread::sleep(Duration::from_micros(200));
        }
        serving.signal(Signal::TERM);
        assert_eq!(serving.process.wait().unwrap().code(), Some(0), "{}", serving.log());
    }
}

/// systemd as the program sees it: a socket, and the wish for signs of life.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn of(machine: &Machine) -> Self {
        let path = machine.place("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path }
    }

    fn serve(&self, machine: &Machine) -> Serving {
        let log = fs::File::create(machine.place("log")).unwrap();
        let mut command = machine.command(&["serve"]);
        command.env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", "300000");
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Serving { process, log: machine.place("log") }
    }

    /// The next message that is no sign of life.
    fn hears(&self) -> String {
        loop {
            let message = self.hears_any();
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }

    fn hears_any(&self) -> String {
        let mut message = [0; 512];
        let length = self.socket.recv(&mut message).unwrap();
        String::from_utf8(message.into_iter().take(length).collect()).unwrap()
    }
}

#[test]
fn the_service_manager_is_told_of_each_change() {
    let machine = Machine::new();
    fs::write(machine.place("hozon.toml"), PLAIN).unwrap();
    machine.hozon(&["root", "create"]);
    let manager = Manager::of(&machine);
    let mut serving = manager.serve(&machine);
    assert!(manager.hears().starts_with("READY=1\n"));
    // Ready means that it answers, also on the admin socket.
    let address = serving.address("serving");
    assert!(asked(&address, "GET /-/readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200"));
    let ready = || machine.operator(&["ready"]);
    assert!(ready().status.success(), "{}", said(&ready()));
    for _ in 0..3 {
        while manager.hears_any() != "WATCHDOG=1" {}
    }

    serving.signal(Signal::HUP);
    assert!(manager.hears().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert!(manager.hears().ends_with("STATUS=serving, the configuration was read again"));
    fs::write(machine.place("hozon.toml"), format!("{PLAIN}lease = 1\n")).unwrap();
    serving.signal(Signal::HUP);
    assert!(manager.hears().starts_with("RELOADING=1\n"));
    let wrong = manager.hears();
    assert!(wrong.starts_with("READY=1\n") && wrong.contains("stays as it was"), "{wrong}");

    // A dependency that is away makes it unready, and is no reason to be ended.
    fs::remove_dir_all(machine.place("data/blobs")).unwrap();
    fs::write(machine.place("data/blobs"), "no directory").unwrap();
    assert_eq!(ready().status.code(), Some(1), "{}", said(&ready()));
    assert!(said(&ready()).contains("store") && said(&ready()).contains("cannot serve"), "{}", said(&ready()));
    for _ in 0..3 {
        assert_eq!(manager.hears_any(), "WATCHDOG=1");
    }

    serving.signal(Signal::TERM);
    assert!(manager.hears().starts_with("STOPPING=1\n"));
    assert_eq!(serving.process.wait().unwrap().code(), Some(0), "{}", serving.log());
    assert_eq!(ready().status.code(), Some(4), "{}", said(&ready()));
}

#[test]
fn a_manager_that_cannot_be_told_stops_the_start() {
    let machine = Machine::new();
    machine.hozon(&["root", "create"]);
    let ran = machine.command(&["serve"]).env("NOTIFY_SOCKET", "vsock:2:1").output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert!(said(&ran).contains("NOTIFY_SOCKET"), "{}", said(&ran));
    assert!(!machine.place("data").exists());
}

#[test]
fn a_lost_index_keeps_the_gateway_from_starting_until_an_operator_has_decided() {
    let machine = Machine::new();
    machine.hozon(&["root", "create"]);
    assert_eq!(machine.finding("root key").0, "good");
    drop(machine.serve());
    let (result, detail) = machine.finding("index and store");
    assert!(result == "good" && detail.contains("generation"), "{result}: {detail}");
    let store = detail.split(' ').nth(1).unwrap().trim_end_matches(',').to_owned();

    fs::write(machine.place("hozon.toml"), fs::read_to_string(machine.place("hozon.toml")).unwrap().replace("index.sqlite", "new.sqlite"))
        .unwrap();
    assert_eq!(machine.finding("index and store").0, "bad");
    let refused = machine.hozon(&["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    for wanted in ["was the index lost", &format!("hozon store adopt --store {store}")] {
        assert!(said(&refused).contains(wanted), "{}", said(&refused));
    }
    let adopt = |store: &str| machine.hozon(&["store", "adopt", "--store", store]);
    assert!(!adopt("none").status.success());
    assert!(adopt(&store).status.success(), "{}", said(&adopt(&store)));
    assert_eq!(machine.finding("index and store").0, "weak");

    fs::remove_file(machine.place("admin.sock")).unwrap();
    let serving = machine.serve();
    serving.says("nothing is collected before");
    until(|| machine.finding("gateway").1.contains("is running and ready, but collector: held"), &serving.log);
    assert_eq!(machine.finding("gateway").0, "weak");
    let operator = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hozon"));
        let ran = command.env_clear().arg("--socket").arg(machine.place("admin.sock")).args(["--output", "json"]).args(arguments).output();
        ran.unwrap()
    };
    let shown = |ran: Output| serde_json::from_slice::<Value>(&ran.stdout).unwrap();
    assert!(operator(&["tenant", "create", "kita"]).status.success());
    let held = shown(operator(&["store", "show"]));
    assert_eq!((&held["store"], &held["collector"]), (&Value::from(store), &Value::from("held")));
    assert_eq!(operator(&["store", "accept", "--seen", "99999"]).status.code(), Some(3));
    let accepted = shown(operator(&["store", "accept", "--seen", &held["seen"].to_string()]));
    assert_eq!((&accepted["collector"], accepted.get("unrecorded")), (&Value::from("on"), None));
    assert_eq!(machine.finding("gateway").1, "is running and ready");
}

/// What a client gets for one request in clear.
fn asked(address: &str, request: &str) -> String {
    use std::io::{Read, Write};
    let mut tcp = std::net::TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _reset_or_closed = tcp.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

impl Serving {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The address that the line with `text` in the log names.
    fn address(&self, text: &str) -> String {
        self.says(text);
        let log = self.log();
        let line = log.lines().find(|line| line.contains(text)).unwrap();
        line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }

    fn hang_up(&self, until_it_says: &str) -> String {
        let before = self.log().len();
        self.signal(Signal::HUP);
        until(|| self.log()[before..].contains(until_it_says), &self.log);
        // What belongs to the same reload is written at once.
        std::thread::sleep(Duration::from_millis(100));
        self.log()[before..].to_owned()
    }
}

/// In plain HTTP, so that a test can speak it by hand.
const PLAIN: &str = "profile = \"dev\"\n[listener]\naddress = \"127.0.0.1:0\"\ntls = \"off\"\n[admin]\nsocket = \"admin.sock\"\n\
    metrics_listen = \"127.0.0.1:0\"\n[index]\npath = \"data/index.sqlite\"\n[store]\ndirectory = \"data/blobs\"\n\
    [root]\nkey_file = \"root.key\"\n";

#[test]
fn a_hangup_takes_over_what_can_change_and_names_what_cannot() {
    let machine = Machine::new();
    let configure = |more: &str, from: &str, to: &str| {
        fs::write(machine.place("hozon.toml"), format!("{}{more}", PLAIN.replace(from, to))).unwrap();
    };
    configure("", "", "");
    machine.hozon(&["root", "create"]);
    let serving = machine.serve();
    let address = serving.address("serving");
    let large = format!("GET / HTTP/1.1\r\nHost: localhost\r\nx-large: {}\r\nConnection: close\r\n\r\n", "a".repeat(9_000));
    let preflight = "OPTIONS /b HTTP/1.1\r\nHost: localhost\r\nOrigin: https://viewer.example\r\nAccess-Control-Request-Method: GET\r\n\
        Connection: close\r\n\r\n";
    assert!(asked(&address, &large).starts_with("HTTP/1.1 403"));
    assert!(asked(&address, preflight).starts_with("HTTP/1.1 4"));

    configure(
        "[cors]\nallowed_origins = [\"https://viewer.example\"]\n[log]\nlevel = \"debug\"\n",
        "tls = \"off\"",
        "tls = \"off\"\nheader_bytes_max = 4096\nunproven_per_second = 1\nunproven_burst = 1",
    );
    let log = serving.hang_up("the configuration was read again");
    assert!(!log.contains("restart"), "{log}");
    assert!(asked(&address, &large).starts_with("HTTP/1.1 431"));
    assert!(asked(&address, preflight).starts_with("HTTP/1.1 204"));
    let stranger = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    asked(&address, stranger);
    let slowed = asked(&address, stranger);
    assert!(slowed.starts_with("HTTP/1.1 503") && slowed.contains("<Code>SlowDown</Code>"), "{slowed}");

    // A bad file changes nothing, not even what is right in it.
    configure("[log]\nlevel = \"loud\"\n", "tls = \"off\"", "tls = \"off\"\nheader_bytes_max = 32768");
    let log = serving.hang_up("the configuration stays as it was");
    assert!(log.contains("hozon.toml:16:9: unknown variant `loud`"), "{log}");
    assert!(asked(&address, &large).starts_with("HTTP/1.1 431"));

    // What needs a restart is named and waits; the rest of the file holds.
    configure("[log]\nlevel = \"error\"\n", "[index]\npath = \"data/index.sqlite\"", "[index]\npath = \"data/other.sqlite\"");
    let log = serving.hang_up("only a restart");
    assert!(log.contains("setting=\"index\"") && log.matches("only a restart").count() == 1, "{log}");
    assert!(asked(&address, &large).starts_with("HTTP/1.1 403"));
    assert!(!machine.place("data/other.sqlite").exists());
    // At level `error` the next good reload is not spoken of.
    let before = serving.log().len();
    configure("[log]\nlevel = \"error\"\n", "tls = \"off\"", "tls = \"off\"\nheader_bytes_max = 4096");
    serving.signal(Signal::HUP);
    until(|| asked(&address, &large).starts_with("HTTP/1.1 431"), &serving.log);
    assert!(!serving.log()[before..].contains("read again"), "{}", serving.log());
}

#[test]
fn a_hangup_takes_new_record_classes_over() {
    let machine = Machine::new();
    fs::write(machine.place("hozon.toml"), PLAIN).unwrap();
    machine.hozon(&["root", "create"]);
    let serving = machine.serve();
    let operator = |arguments: &[&str]| machine.operator(arguments);
    assert!(operator(&["tenant", "create", "kita"]).status.success());
    let make = || operator(&["bucket", "create", "karte", "--tenant", "kita", "--default-class", "house.own"]);
    assert_eq!(make().status.code(), Some(3), "{}", said(&make()));

    let class = "[[class]]\nid = \"house.own\"\nlabel = \"x\"\nyears_kept = 5\nstart = \"created\"\nbasis = \"x\"\nproof = \"read\"\n\
        patient = \"optional\"\n";
    fs::write(machine.place("classes.toml"), class.replace("created", "never")).unwrap();
    fs::write(machine.place("hozon.toml"), format!("{PLAIN}[catalogue]\nrecord_classes = \"classes.toml\"\n")).unwrap();
    let log = serving.hang_up("the configuration stays as it was");
    assert!(log.contains("classes.toml:5:9: unknown variant `never`"), "{log}");
    assert!(!make().status.success());
    fs::write(machine.place("classes.toml"), class).unwrap();
    serving.hang_up("the configuration was read again");
    assert!(make().status.success(), "{}", said(&make()));
}

#[test]
fn metrics_and_health_are_on_loopback_where_they_are_wanted() {
    let machine = Machine::new();
    fs::write(machine.place("hozon.toml"), PLAIN).unwrap();
    machine.hozon(&["root", "create"]);
    let serving = machine.serve();
    let address = serving.address("metrics and health");
    let socket = machine.place("admin.sock");
    let mut operator = Command::new(env!("CARGO_BIN_EXE_hozon"));
    let made = operator.env_clear().arg("--socket").arg(&socket).args(["tenant", "create", "kita-hospital"]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let get = |path: &str| asked(&address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"));
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(get("/readyz").starts_with("HTTP/1.1 200"));
    let metrics = get("/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(!metrics.contains("kita"), "{metrics}");
    // The operator's API stays on the socket.
    assert!(get("/v1/tenants").starts_with("HTTP/1.1 404"));
    assert!(asked(&address, "POST /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 405"));
    // A store that has gone makes it unready, and no cause is told that could name a tenant.
    fs::remove_dir_all(machine.place("data/blobs")).unwrap();
    fs::write(machine.place("data/blobs"), "no directory").unwrap();
    let unready = get("/readyz");
    assert!(unready.starts_with("HTTP/1.1 503") && unready.ends_with("ask on the admin socket why\n"), "{unready}");
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

#[test]
fn a_strict_gateway_wants_its_root_key_apart_from_the_data() {
    let machine = Machine::new();
    machine.configure_as("strict-jp", "");
    machine.hozon(&["root", "create"]);
    assert_eq!(machine.finding("root key").0, "good");
    fs::create_dir_all(machine.place("data/safe")).unwrap();
    fs::copy(machine.place("root.key"), machine.place("data/safe/root.key")).unwrap();
    // A link elsewhere leads to the same bytes.
    fs::remove_file(machine.place("root.key")).unwrap();
    std::os::unix::fs::symlink("data/safe", machine.place("elsewhere")).unwrap();
    for key in ["data/safe/root.key", "elsewhere/root.key"] {
        machine.configure_as("strict-jp", "");
        let text = fs::read_to_string(machine.place("hozon.toml")).unwrap();
        fs::write(machine.place("hozon.toml"), text.replace("\"root.key\"", &format!("\"{key}\""))).unwrap();
        let ran = machine.hozon(&["serve"]);
        assert_eq!(ran.status.code(), Some(1), "{}", said(&ran));
        for wanted in ["root.key_file", key, "within the data directory", "strict-jp"] {
            assert!(said(&ran).contains(wanted), "{wanted}: {}", said(&ran));
        }
        assert!(!machine.place("data/index.sqlite").exists());
        let (result, detail) = machine.finding("root key");
        assert_eq!(result, "bad");
        assert!(detail.contains("root.key_file") && detail.contains(key), "{detail}");
    }
}
