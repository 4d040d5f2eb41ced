//! The small cluster of `deploy/compose`.

use super::ran;
use super::yaml::{document, entries, text, texts};
use hozon::blob::BlobSettings;
use hozon::config::{self, Settings};
use hozon::engine::{IndexSettings, PostgresTls};
use hozon::listener::WireSettings;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yaml_rust2::Yaml;

const PLACE: &str = "deploy/compose";
/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn compose() -> Yaml {
    document(&Path::new(PLACE).join("compose.yaml"))
}

fn shipped(name: &str) -> String {
    fs::read_to_string(Path::new(PLACE).join(name)).unwrap()
}

/// The names of the secrets that a file of the cluster wants in a container.
fn secrets_in(text: &str) -> BTreeSet<String> {
    let wanted = text.split("/run/secrets/").skip(1);
    let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    wanted.map(|rest| rest.chars().take_while(is_name).collect()).collect()
}

/// What lies at the mount's left side, and where it is seen.
fn mount(volume: &str) -> (&str, &str) {
    let mut parts = volume.split(':');
    (parts.next().unwrap(), parts.next().unwrap())
}

/// The settings of the gateways.
fn settings(text: &str) -> Settings {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("hozon.toml");
    fs::write(&file, text).unwrap();
    config::read(&file, std::iter::empty()).unwrap_or_else(|error| panic!("{}", hozon::domain::causes(&error)))
}

#[test]
fn no_service_has_more_rights_than_it_needs() {
    for (name, service) in entries(&compose()["services"]) {
        assert_eq!(service["read_only"].as_bool(), Some(true), "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        let (user, group) = text(&service["user"]).split_once(':').unwrap();
        assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0, "{name} runs as root");
        let tag = text(&service["image"]).rsplit_once(':').unwrap().1;
        assert!(tag.starts_with(|c: char| c.is_ascii_digit()), "{name}: {tag} is another image tomorrow");
        assert!(service["privileged"].is_badvalue() && service["cap_add"].is_badvalue(), "{name}");
        if let Some(environment) = service["environment"].as_hash() {
            for (variable, value) in environment {
                let is_secret = ["PASSWORD", "SECRET", "TOKEN", "KEY"].iter().any(|word| text(variable).contains(word));
                let is_file = text(variable).ends_with("_FILE") && text(value).starts_with("/run/secrets/");
                assert!(!is_secret || is_file, "{name}: {variable:?} holds a secret");
            }
        }
    }
    // Nothing but the balancer can be reached from outside.
    let compose = compose();
    let published: Vec<&str> =
        entries(&compose["services"]).filter(|(_, service)| !service["ports"].is_badvalue()).map(|(name, _)| name).collect();
    assert_eq!(published, ["balancer"]);
    for (name, network) in entries(&compose["networks"]) {
        assert!(name == "front" || network["internal"].as_bool() == Some(true), "{name}");
    }
}

#[test]
fn whatever_a_service_names_is_there() {
    let compose = compose();
    let names = |part: &str| entries(&compose[part]).map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>();
    let (services, secrets, networks) = (names("services"), names("secrets"), names("networks"));
    let mut used = BTreeSet::new();
    for (name, service) in entries(&compose["services"]) {
        let own: BTreeSet<String> = texts(&service["secrets"]).into_iter().map(str::to_owned).collect();
        assert!(own.is_subset(&secrets), "{name}: {own:?}");
        used.extend(own.clone());
        assert!(texts(&service["networks"]).iter().all(|network| networks.contains(*network)), "{name}");
        if let Some(needed) = service["depends_on"].as_hash() {
            for (other, how) in needed {
                assert!(services.contains(text(other)), "{name} waits for {other:?}");
                let is_checked = !compose["services"][text(other)]["healthcheck"].is_badvalue();
                assert!(text(&how["condition"]) != "service_healthy" || is_checked, "{name} waits for a check that {other:?} has not");
            }
        }
        // Every secret that its command, environment or configuration wants, it is given; and every one it is given is wanted.
        let mut wants = secrets_in(&format!("{:?}{:?}", service["command"], service["environment"]));
        for volume in texts(&service["volumes"]) {
            let (source, seen) = mount(volume);
            assert!(seen.starts_with('/'), "{name}: {volume}");
            let source = source.strip_prefix("./").unwrap();
            if ["secrets/", "data/"].iter().any(|made| source.starts_with(made)) {
                continue;
            }
            assert!(volume.ends_with(":ro"), "{name} may write {source}");
            wants.extend(secrets_in(&shipped(source)));
        }
        if name == "make-root" {
            assert_eq!(own, ["root-passphrase".to_owned()].into(), "a root key needs no other");
        } else {
            assert_eq!(wants, own, "{name}");
        }
    }
    assert_eq!(used, secrets, "secrets that nobody uses");
    for (name, build) in entries(&compose["services"]).map(|(name, service)| (name, &service["build"])) {
        if !build.is_badvalue() {
            let context = Path::new(PLACE).join(text(&build["context"]));
            assert!(context.join(text(&build["dockerfile"])).is_file(), "{name}");
        }
    }
}

#[test]
fn the_gateways_configuration_is_read_by_hozon_and_fits_the_cluster() {
    let settings = settings(&shipped("hozon.toml"));
    assert_eq!(settings.deviations(), []);
    let compose = compose();
    let gateways: Vec<_> = entries(&compose["services"]).filter(|(name, _)| name.starts_with("gateway-")).collect();
    assert_eq!(gateways.len(), 2);
    assert_eq!(gateways[0].1, gateways[1].1, "all are alike");
    let gateway = gateways[0].1;
    let grace: u64 = text(&gateway["stop_grace_period"]).strip_suffix('s').unwrap().parse().unwrap();
    assert!(Duration::from_secs(grace) > settings.listener.drain_time_max, "transfers under way can finish");
    assert_eq!(gateway["ulimits"]["memlock"].as_i64(), Some(-1), "keys are locked into memory");
    assert!(gateway["tmpfs"][0].as_str().unwrap().starts_with("/run/hozon:") && settings.admin_socket.starts_with("/run/hozon"));
    let WireSettings::Tls(tls) = &settings.listener.wire else { panic!("the gateways speak TLS") };
    assert_eq!(tls.certificate, Path::new("/run/secrets/gateway-certificate"));
    let BlobSettings::S3(store) = &settings.store else { panic!("the bodies are in a bucket") };
    let (weed, grants) = (format!("{:?}", compose["services"]["seaweedfs"]["command"]), shipped("prepare"));
    assert!(weed.contains("-s3.port=8333") && store.endpoint.as_deref() == Some("https://seaweedfs:8333"));
    assert!(grants.contains(&format!("Write:{}", store.bucket)));
    assert!(grants.contains(&format!("\"accessKey\":\"{}\"", store.access_key_id)));
    // The balancer asks under the name that leads to the gateway itself, and the certificate has it.
    let (balancer, domain) = (shipped("haproxy.cfg"), &settings.listener.base_domains[0]);
    for wanted in [format!("hdr Host {domain}\n"), format!("verifyhost {domain} "), format!("check-sni {domain} ")] {
        assert!(balancer.contains(&wanted), "{wanted}");
    }
    assert!(grants.contains(&format!("certificate gateway {domain} '*.{domain}'")));
    for (name, _) in gateways {
        assert!(balancer.contains(&format!("server {name} {name}:{}\n", settings.listener.address.port())), "{name}");
    }
    let postgres = &compose["services"]["postgres"];
    let IndexSettings::Postgres(index) = &settings.index else { panic!("the index takes more than one gateway") };
    assert_eq!(Some(index.user.as_str()), postgres["environment"]["POSTGRES_USER"].as_str());
    assert_eq!(Some(index.database.as_str()), postgres["environment"]["POSTGRES_DB"].as_str());
    assert_eq!(index.hosts, [("postgres".to_owned(), 5_432)]);
    assert!(matches!(&index.tls, PostgresTls::Verified { ca } if ca == Path::new("/run/secrets/ca")));
    assert!(shipped("pg_hba.conf").contains(&format!("hostssl  {}  {}  all    scram-sha-256\n", index.database, index.user)));
}

/// A copy of the cluster's directory after `prepare`.
fn prepared() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(PLACE).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file()) {
        fs::copy(entry.path(), place.path().join(entry.file_name())).unwrap();
    }
    ran(&mut Command::new(place.path().join("prepare")));
    place
}

#[test]
#[ignore = "needs openssl"]
fn all_that_is_mounted_is_made_for_whom_it_is_and_only_once() {
    let place = prepared();
    let compose = compose();
    let is_root = rustix::process::geteuid().is_root();
    for (name, service) in entries(&compose["services"]) {
        let user: u32 = text(&service["user"]).split(':').next().unwrap().parse().unwrap();
        let secrets = texts(&service["secrets"]).into_iter().map(|secret| text(&compose["secrets"][secret]["file"]));
        for source in secrets.chain(texts(&service["volumes"]).into_iter().map(|volume| mount(volume).0)) {
            let found = fs::metadata(place.path().join(source)).unwrap_or_else(|error| panic!("{name}: {source}: {error}"));
            // Everyone may read it and it is no secret, or it is that user's alone.
            let is_open = found.mode() & 0o777 == 0o644 && found.is_file();
            assert!(is_open || found.mode() & 0o077 == 0, "{name}: {source} has mode {:o}", found.mode());
            assert!(!is_open || !source.starts_with("./secrets/") || source.ends_with("ca.pem"), "{source} is open to all");
            assert!(!is_root || is_open || found.uid() == user, "{name}: {source} belongs to {}", found.uid());
        }
    }
    let all = || -> Vec<(PathBuf, Vec<u8>)> {
        let files = walkdir::WalkDir::new(place.path().join("secrets")).sort_by_file_name().into_iter().map(Result::unwrap);
        files.filter(|file| file.file_type().is_file()).map(|file| (file.path().to_owned(), fs::read(file.path()).unwrap())).collect()
    };
    let before = all();
    ran(&mut Command::new(place.path().join("prepare")));
    assert!(before == all(), "what was there has changed");

    let at = |path: &str| place.path().join(path);
    for server in ["gateway", "postgres", "seaweedfs", "openbao"] {
        let certificate = at(&format!("secrets/{server}/server.pem"));
        ran(Command::new("openssl").args(["verify", "-purpose", "sslserver", "-CAfile"]).arg(at("secrets/ca.pem")).arg(&certificate));
        let host = if server == "gateway" { "karte.s3.hozon.internal" } else { server };
        let said = ran(Command::new("openssl").args(["x509", "-noout", "-checkhost", host, "-in"]).arg(&certificate));
        assert!(said.contains("does match"), "{said}");
    }
    let read = |path: &str| fs::read_to_string(at(path)).unwrap();
    assert_eq!(read("secrets/gateway/postgres-password"), read("secrets/postgres/password"));
    let identities: serde_json::Value = serde_json::from_str(&read("secrets/seaweedfs/identities.json")).unwrap();
    assert_eq!(identities["identities"][0]["credentials"][0]["secretKey"], read("secrets/gateway/store-secret"));
    assert!(
        identities["identities"][0]["actions"].as_array().unwrap().iter().all(|action| action.as_str().unwrap().ends_with(":hozon-blobs"))
    );
}

/// A process that goes with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        Self(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    fn terminate(&mut self) {
        kill_process(Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap(), Signal::TERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way nothing of it is left.
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

fn until(reached: impl Fn() -> bool, log: &Path) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < PATIENCE, "not reached:\n{}", fs::read_to_string(log).unwrap());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One of the cluster's gateways as far as one machine can have it: its certificate, key, name and root, a local index and store.
fn gateway(place: &Path) -> (Running, String) {
    let ours = format!("{}/secrets/", place.display());
    let text = shipped("hozon.toml");
    let (before, rest) = text.split_once("[index.postgres]\n").unwrap();
    let after = rest.split_once("[root]\n").unwrap().1;
    let text = format!("{before}[index]\npath = \"index/index.sqlite\"\n[store]\ndirectory = \"blobs\"\n[root]\n{after}")
        .replace("0.0.0.0:9000", "127.0.0.1:0")
        .replace("127.0.0.1:9464", "127.0.0.1:0")
        .replace("/run/hozon/", &format!("{}/", place.display()))
        .replace("/run/secrets/gateway-certificate", &format!("{ours}gateway/server.pem"))
        .replace("/run/secrets/gateway-key", &format!("{ours}gateway/server.key"))
        .replace("/run/secrets/root-passphrase", &format!("{ours}gateway/root-passphrase"))
        .replace("/etc/hozon/keys/", &format!("{ours}root/"));
    let file = place.join("local.toml");
    fs::write(&file, text).unwrap();
    if rustix::process::geteuid().is_root() {
        // The gateway here is root, which has no key that belongs to another.
        for entry in fs::read_dir(place.join("secrets/gateway")).unwrap() {
            std::os::unix::fs::chown(entry.unwrap().path(), Some(0), Some(0)).unwrap();
        }
    }
    let hozon = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hozon"));
        command.env_clear().args(words).arg("--config").arg(&file);
        command
    };
    ran(&mut hozon(&["root", "create"]));
    let log = place.join("gateway.log");
    let running = Running::start(&mut hozon(&["serve"]), &log);
    let line = || fs::read_to_string(&log).unwrap().lines().find(|line| line.contains("\"serving\"")).map(str::to_owned);
    until(|| line().is_some(), &log);
    let line: serde_json::Value = serde_json::from_str(&line().unwrap()).unwrap();
    (running, line["address"].as_str().unwrap().to_owned())
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A gateway that cannot serve, as the balancer sees it: the same certificate, alive, and 503 for whatever else is asked.
const UNREADY: &str = r#"
import http.server, ssl, sys
class Unready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(200 if self.path == "/-/healthz" else 503)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Unready)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[2] + "/server.pem", sys.argv[2] + "/server.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

#[test]
#[ignore = "needs haproxy, curl, openssl and python3"]
fn the_balancer_passes_tls_through_to_whoever_is_ready() {
    let place = prepared();
    let at = |name: &str| place.path().join(name);
    let (mut gateway, address) = gateway(place.path());
    let (front, unready) = (free_address(), free_address());
    let mut stub = Command::new("python3");
    stub.args(["-c", UNREADY, unready.rsplit(':').next().unwrap()]).arg(at("secrets/gateway"));
    let _unready = Running::start(&mut stub, &at("unready.log"));
    let configuration = shipped("haproxy.cfg")
        .replace("bind :9000", &format!("bind {front}"))
        .replace("gateway-1:9000", &address)
        .replace("gateway-2:9000", &unready)
        .replace("/run/secrets/ca", &at("secrets/ca.pem").display().to_string());
    fs::write(at("haproxy.cfg"), configuration).unwrap();
    ran(Command::new("haproxy").arg("-c").arg("-f").arg(at("haproxy.cfg")));
    let log = at("haproxy.log");
    let _balancer = Running::start(Command::new("haproxy").arg("-db").arg("-f").arg(at("haproxy.cfg")), &log);

    let port = front.rsplit(':').next().unwrap();
    let asked = |path: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "10", "--resolve", &format!("s3.hozon.internal:{port}:127.0.0.1"), "--cacert"]);
        curl.arg(at("secrets/ca.pem")).args(["-w", "%{http_code}", &format!("https://s3.hozon.internal:{port}{path}")]);
        let ran = curl.output().unwrap();
        ran.status.success().then(|| String::from_utf8(ran.stdout).unwrap())
    };
    // Both count as ready until they have been asked twice; from then on only one gets connections.
    until(|| fs::read_to_string(&log).unwrap().contains("gateways/gateway-2 is DOWN, reason: Layer7 wrong status, code: 503"), &log);
    for _ in 0..20 {
        assert_eq!(asked("/-/readyz").as_deref(), Some("200"), "the gateway that is not ready takes nothing");
    }
    let refused = asked("/").unwrap();
    assert!(refused.contains("<Code>AccessDenied</Code>") && refused.ends_with("403"), "{refused}");

    gateway.terminate();
    until(|| fs::read_to_string(&log).unwrap().contains("gateways/gateway-1 is DOWN"), &log);
    assert_eq!(asked("/-/readyz"), None, "nobody is ready");
}
