//! SeaweedFS as the object store behind, for tests of it: one process on loopback with a bucket of ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const ACCESS_KEY: &str = "hozon";
const SECRET_KEY: &str = "a secret of the store";
pub(crate) const BUCKET: &str = "blobs";

/// How its S3 door speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Plain,
    Tls,
}

/// A running SeaweedFS. Dropping it kills the process and removes what it stored.
pub(crate) struct Weed {
    process: Option<Child>,
    scratch: tempfile::TempDir,
    door: Door,
    ports: [u16; 4],
}

impl Weed {
    /// Starts the program `weed`, which must be on the path, and makes the bucket.
    pub(crate) fn start(door: Door) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(scratch.path().join("store.pem"), made.cert.pem()).unwrap();
        fs::write(scratch.path().join("store.key"), made.signing_key.serialize_pem()).unwrap();
        fs::write(scratch.path().join("secret"), SECRET_KEY).unwrap();
        fs::set_permissions(scratch.path().join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        let credentials = serde_json::json!([{ "accessKey": ACCESS_KEY, "secretKey": SECRET_KEY }]);
        let actions = ["Admin", "Read", "Write", "List", "Tagging"];
        let config = serde_json::json!({ "identities": [{ "name": "hozon", "credentials": credentials, "actions": actions }] });
        fs::write(scratch.path().join("s3.json"), config.to_string()).unwrap();
        fs::create_dir(scratch.path().join("data")).unwrap();
        let mut weed = Self { process: None, scratch, door, ports: free_ports() };
        weed.resume();
        weed
    }

    /// Starts it again after [`Weed::stop`], with what it stored.
    pub(crate) fn resume(&mut self) {
        let [master, volume, filer, s3] = self.ports;
        let ports = [("master", master), ("volume", volume), ("filer", filer), ("s3", s3)];
        let mut command = Command::new("weed");
        command.args([
            "server",
            "-ip=127.0.0.1",
            "-volume.max=8",
            "-master.volumeSizeLimitMB=256",
            "-s3",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ]);
        command.args(ports.map(|(name, port)| format!("-{name}.port={port}")));
        command.args(ports.map(|(name, port)| format!("-{name}.port.grpc={}", port + 10_000)));
        command.arg(format!("-dir={}", self.place("data").display()));
        command.arg(format!("-s3.config={}", self.place("s3.json").display()));
        if self.door == Door::Tls {
            command.arg(format!("-s3.cert.file={}", self.ca().display()));
            command.arg(format!("-s3.key.file={}", self.place("store.key").display()));
        }
        let log = fs::File::create(self.place("log")).unwrap();
        command.current_dir(self.scratch.path()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap_or_else(|error| panic!("needs SeaweedFS as `weed`: {error}")));
        let began = Instant::now();
        // Its door opens before a volume server has joined, so it is tried until a whole put succeeds.
        while !(self.asks(&["-X", "PUT"], "")
            && self.asks(&["-X", "PUT", "-d", "x"], "/is-ready")
            && self.asks(&["-X", "DELETE"], "/is-ready"))
        {
            let log = || fs::read_to_string(self.place("log")).unwrap();
            assert!(began.elapsed() < PATIENCE, "weed does not take a put:\n{}", log());
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Ends it at once.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended already; either way it is gone then.
            let _gone = process.kill();
            let _status = process.wait();
        }
    }

    /// The port of its S3 door.
    pub(crate) const fn port(&self) -> u16 {
        let [.., s3] = self.ports;
        s3
    }

    /// Its URL.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.door == Door::Tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.ports[3])
    }

    /// The variables of the environment that make a gateway use it.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let settings = [
            ("ENDPOINT", self.endpoint()),
            ("BUCKET", BUCKET.to_owned()),
            ("REGION", "us-east-1".to_owned()),
            ("ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("SECRET_KEY_FILE", self.secret_file().display().to_string()),
            ("PREFIX", "hozon/".to_owned()),
            ("CA", self.ca().display().to_string()),
        ];
        settings.map(|(name, value)| (format!("HOZON__STORE__S3__{name}"), value)).into()
    }

    /// The file with its certificate, to be trusted.
    pub(crate) fn ca(&self) -> PathBuf {
        self.place("store.pem")
    }

    /// The file with the secret half of the credential.
    pub(crate) fn secret_file(&self) -> PathBuf {
        self.place("secret")
    }

    fn place(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn asks(&self, arguments: &[&str], path: &str) -> bool {
        let mut command = Command::new("curl");
        command.args(["-fsS", "--max-time", "10", "--aws-sigv4", "aws:amz:us-east-1:s3", "--cacert"]).arg(self.ca());
        command.args(["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]);
        command.args(["-u", &format!("{ACCESS_KEY}:{SECRET_KEY}")]).args(arguments);
        command.arg(format!("{}/{BUCKET}{path}", self.endpoint()));
        let bucket_is_there = arguments == ["-X", "PUT"] && path.is_empty();
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success() || bucket_is_there
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Ports that nobody uses, below those that are lent to outgoing connections, with room for the gRPC port beside each.
fn free_ports() -> [u16; 4] {
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    // Two tests that start at the same time begin to look at different places.
    let first = 11_000 + u16::try_from(std::process::id() % 500).unwrap() * 16;
    let mut free = (first..20_000).step_by(7).filter(|port| is_free(port) && is_free(&(port + 10_000)));
    std::array::from_fn(|_| free.next().unwrap())
}
