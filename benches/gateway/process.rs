//! The sides as processes of their own, so that the CPU time of each can be told apart.

use super::client::Target;
use hozon::client::Client;
use hozon::domain::{Clock, SystemClock};
use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Kills its process at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn wait_for(path: &Path) -> String {
    for _ in 0..1_200 {
        if let Ok(text) = fs::read_to_string(path)
            && !text.is_empty()
        {
            return text;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{} did not appear", path.display());
}

/// Where a gateway's log goes, so that the figures can be read.
fn log(path: &Path) -> Stdio {
    fs::File::create(path).unwrap().into()
}

/// The gateway, with the demo's people, on a directory of its own.
pub(crate) struct Gateway {
    running: Running,
    dir: tempfile::TempDir,
    target: Target,
}

impl Gateway {
    pub(crate) fn start(aead: &str) -> Self {
        Self::start_with(&[("HOZON__SEAL__CIPHER".to_owned(), aead.to_owned())])
    }

    /// The same with other settings, as variables of the environment.
    pub(crate) fn start_with(settings: &[(String, String)]) -> Self {
        let dir = tempfile::tempdir_in(std::env::current_dir().unwrap().join("target")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_hozon"))
            .args(["demo", "--listen", "127.0.0.1:0", "--dir"])
            .arg(dir.path())
            .envs(settings.iter().cloned())
            .env("HOZON__LISTENER__REQUESTS_PER_SECOND", "0")
            .stdout(Stdio::null())
            .stderr(log(&dir.path().join("log")))
            .spawn()
            .unwrap();
        let demo: serde_json::Value = serde_json::from_str(&wait_for(&dir.path().join("demo.json"))).unwrap();
        let endpoint = demo["endpoint"].as_str().unwrap();
        let port = endpoint.rsplit(':').next().unwrap().parse().unwrap();
        let app = &demo["people"]["app"];
        let keys = (app["access_key"].as_str().unwrap().to_owned(), Zeroizing::new(app["secret_key"].as_str().unwrap().to_owned()));
        let client = Client::new(endpoint, &dir.path().join("ca.pem"), demo["region"].as_str().unwrap(), keys).unwrap();
        Self { running: Running(child), dir, target: Target { port, client: Arc::new(client) } }
    }

    /// A second gateway on the same index and store, which must be such that several can share.
    pub(crate) fn second(&self, settings: &[(String, String)]) -> Second {
        let [port, ..] = free_ports();
        let child = Command::new(env!("CARGO_BIN_EXE_hozon"))
            .args(["serve", "--config"])
            .arg(self.dir().join("hozon.toml"))
            .envs(settings.iter().cloned())
            .env("HOZON__LISTENER__REQUESTS_PER_SECOND", "0")
            .env("HOZON__LISTENER__ADDRESS", format!("127.0.0.1:{port}"))
            .env("HOZON__ADMIN__SOCKET", self.dir().join("second.sock"))
            .stdout(Stdio::null())
            .stderr(log(&self.dir().join("second.log")))
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Second { _running: Running(child), target: Target { port, client: Arc::clone(&self.target.client) } }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.0.id()
    }

    pub(crate) fn target(&self) -> Target {
        self.target.clone()
    }
}

/// A second gateway beside the first.
pub(crate) struct Second {
    _running: Running,
    target: Target,
}

impl Second {
    pub(crate) fn target(&self) -> Target {
        self.target.clone()
    }
}

/// This program again, as the server that copies.
pub(crate) struct Direct {
    running: Running,
    dir: PathBuf,
    target: Target,
}

impl Direct {
    pub(crate) fn start(dir: &Path) -> Self {
        let port = dir.join("direct.port");
        let _old = fs::remove_file(&port);
        let child = Command::new(std::env::current_exe().unwrap()).env("HOZON_BENCH_DIRECT", dir).spawn().unwrap();
        let port: u16 = wait_for(&port).parse().unwrap();
        Self { running: Running(child), dir: dir.to_owned(), target: target_at(dir, port) }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join("direct").join(name)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.0.id()
    }

    pub(crate) fn target(&self) -> Target {
        self.target.clone()
    }
}

/// nginx serving the plain file over TLS.
pub(crate) struct Nginx {
    running: Running,
    target: Target,
}

impl Nginx {
    pub(crate) fn start(dir: &Path, file: &Path) -> Option<Self> {
        Command::new("nginx").arg("-v").stderr(Stdio::null()).status().ok()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (dir_text, root) = (dir.display(), file.parent().unwrap().display());
        let configuration = format!(
            "daemon off; master_process off; pid {dir_text}/nginx.pid; error_log {dir_text}/nginx.log; user root;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log off; sendfile on; tcp_nodelay on; client_body_temp_path {dir_text}/ngx; server {{\n\
             listen 127.0.0.1:{port} ssl; ssl_certificate {dir_text}/server.pem; ssl_certificate_key {dir_text}/server.key;\n\
             ssl_protocols TLSv1.3; root {root}; }} }}\n"
        );
        let path = dir.join("nginx.conf");
        fs::write(&path, configuration).unwrap();
        let child = Command::new("nginx").arg("-c").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let _pid = wait_for(&dir.join("nginx.pid"));
        std::thread::sleep(Duration::from_millis(300));
        Some(Self { running: Running(child), target: target_at(dir, port) })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.0.id()
    }

    pub(crate) fn target(&self) -> Target {
        self.target.clone()
    }
}

/// SeaweedFS with its S3 door behind TLS, where its program `weed` is on the path. Master, volume server, filer and
/// S3 share one process, so its CPU time is that of all of them.
pub(crate) struct Weed {
    running: Running,
    target: Target,
    /// The same door without TLS.
    plain: u16,
    _data: tempfile::TempDir,
}

impl Weed {
    pub(crate) async fn start(dir: &Path) -> Option<Self> {
        Command::new("weed").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        let data = tempfile::tempdir_in(dir).unwrap();
        let config = data.path().join("s3.json");
        let identity = r#"{"identities":[{"name":"bench","credentials":[{"accessKey":"bench","secretKey":"benchsecret"}],"actions":["Admin","Read","Write","List"]}]}"#;
        fs::write(&config, identity).unwrap();
        let [master, volume, filer, s3, plain] = free_ports();
        let ports = [("master", master), ("volume", volume), ("filer", filer)];
        let mut command = Command::new("weed");
        command.args(["server", "-ip=127.0.0.1", "-volume.max=8", "-master.volumeSizeLimitMB=512", "-s3"]);
        command.args(ports.map(|(name, port)| format!("-{name}.port={port}")));
        command.args(ports.map(|(name, port)| format!("-{name}.port.grpc={}", port + 10_000)));
        command.arg(format!("-s3.port={plain}")).arg(format!("-s3.port.https={s3}")).arg(format!("-s3.port.grpc={}", s3 + 10_000));
        command.arg(format!("-s3.cert.file={}", dir.join("server.pem").display()));
        command.arg(format!("-s3.key.file={}", dir.join("server.key").display()));
        command.arg(format!("-dir={}", data.path().display())).arg(format!("-s3.config={}", config.display()));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let running = Running(child);
        let keys = ("bench".to_owned(), Zeroizing::new("benchsecret".to_owned()));
        let client = Client::new(&format!("https://localhost:{s3}"), &dir.join("ca.pem"), "us-east-1", keys).unwrap();
        let weed = Self { running, target: Target { port: s3, client: Arc::new(client) }, plain, _data: data };
        weed.ready().await;
        Some(weed)
    }

    /// Its door opens before a volume server has joined, so it is tried until a whole put succeeds.
    async fn ready(&self) {
        let client = &self.target.client;
        for _ in 0..120 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let put = |path: &'static str, body: &'static [u8]| {
                client.send(http::Method::PUT, path, (&[], bytes::Bytes::from_static(body)), SystemClock.now())
            };
            let _may_be_there = put("/files", b"").await;
            if put("/files/ready", b"x").await.is_ok_and(|answer| answer.status.is_success()) {
                return;
            }
        }
        panic!("weed does not take a put");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.0.id()
    }

    pub(crate) fn target(&self) -> Target {
        self.target.clone()
    }

    /// The variables of the environment that put a gateway before it. `dir` is where it was started.
    pub(crate) fn settings(&self, dir: &Path) -> Vec<(String, String)> {
        self.settings_at(&format!("https://localhost:{}", self.target.port), dir)
    }

    /// The same without TLS between the two.
    pub(crate) fn plain_settings(&self, dir: &Path) -> Vec<(String, String)> {
        self.settings_at(&format!("http://localhost:{}", self.plain), dir)
    }

    fn settings_at(&self, endpoint: &str, dir: &Path) -> Vec<(String, String)> {
        let secret = dir.join("weed.secret");
        fs::write(&secret, "benchsecret").unwrap();
        fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let settings = [
            ("ENDPOINT", endpoint.to_owned()),
            ("BUCKET", "files".to_owned()),
            ("REGION", "us-east-1".to_owned()),
            ("ACCESS_KEY_ID", "bench".to_owned()),
            ("SECRET_KEY_FILE", secret.display().to_string()),
            ("PREFIX", format!("{}/", uuid::Uuid::new_v4().simple())),
            ("CA", dir.join("ca.pem").display().to_string()),
        ];
        settings.map(|(name, value)| (format!("HOZON__STORE__S3__{name}"), value)).into()
    }
}

/// Ports that nobody uses, below those that are lent to outgoing connections, with room for the gRPC port beside each.
fn free_ports() -> [u16; 5] {
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut free = (11_000..19_000).step_by(7).filter(|port| is_free(port) && is_free(&(port + 10_000)));
    std::array::from_fn(|_| free.next().unwrap())
}

fn target_at(dir: &Path, port: u16) -> Target {
    let keys = ("nobody".to_owned(), Zeroizing::new("nothing".to_owned()));
    let client = Client::new(&format!("https://localhost:{port}"), &dir.join("ca.pem"), "us-east-1", keys).unwrap();
    Target { port, client: Arc::new(client) }
}

/// The certificate that the gateway's demo made, for the server that copies.
pub(crate) fn server_tls(dir: &Path) -> Arc<rustls::ServerConfig> {
    use rustls::pki_types::pem::PemObject;
    let chain = rustls::pki_types::CertificateDer::pem_file_iter(dir.join("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_file(dir.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

/// User and system time of a process so far.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// Threads that create, fsync, rename and fsync the directory of small files: creates a second.
pub(crate) fn durable_creates(dir: &Path, threads: usize, bytes: usize, time: Duration) -> f64 {
    let dir = dir.join("raw");
    fs::create_dir_all(&dir).unwrap();
    let done = AtomicU64::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (dir, done) = (&dir, &done);
            scope.spawn(move || {
                let content = vec![0x33; bytes];
                let mut number = 0;
                while begun.elapsed() < time {
                    let (temporary, last) = (dir.join(format!("{thread}.{number}.new")), dir.join(format!("{thread}.{number}")));
                    let mut file = fs::File::create(&temporary).unwrap();
                    file.write_all(&content).unwrap();
                    file.sync_all().unwrap();
                    fs::rename(&temporary, &last).unwrap();
                    fs::File::open(dir).unwrap().sync_all().unwrap();
                    number += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

/// Median milliseconds of an append and fdatasync.
pub(crate) fn one_commit(dir: &Path) -> f64 {
    let mut file = fs::File::create(dir.join("commit.raw")).unwrap();
    let times = (0..200).map(|_| {
        let begun = Instant::now();
        file.write_all(&[0; 4_096]).unwrap();
        file.sync_data().unwrap();
        begun.elapsed().as_secs_f64() * 1e3
    });
    super::median(times.collect())
}

/// Median milliseconds of a positioned read from the largest file below `dir`.
pub(crate) fn one_read(dir: &Path, bytes: usize) -> f64 {
    let largest = walkdir::WalkDir::new(dir)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .max_by_key(|entry| entry.metadata().map_or(0, |metadata| metadata.len()))
        .unwrap();
    let file = fs::File::open(largest.path()).unwrap();
    let span = file.metadata().unwrap().len() - bytes as u64;
    let mut buffer = vec![0; bytes];
    let times = (0..1_000u64).map(|number| {
        let begun = Instant::now();
        file.read_exact_at(&mut buffer, number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % span).unwrap();
        begun.elapsed().as_secs_f64() * 1e3
    });
    super::median(times.collect())
}

/// The largest resident size of a process while it is watched.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<u64>,
}

impl Watch {
    pub(crate) fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

pub(crate) fn watch_memory(pid: u32) -> Watch {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        let mut peak = 0;
        while !told.load(Ordering::Relaxed) {
            let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
            let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
            peak = peak.max(pages * 4_096);
            std::thread::sleep(Duration::from_millis(100));
        }
        peak
    });
    Watch { stop, thread }
}
