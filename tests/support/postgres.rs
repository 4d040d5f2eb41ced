//! PostgreSQL for tests of it: one private server on loopback, gone when the process that started it is.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const PASSWORD: &str = "a password of the database";
/// Runs the server, ends it when nobody holds the other end of its input any more, and leaves nothing behind.
const WATCHED: &str = r#""$@" & server=$!
while read -r signal; do kill -s "$signal" "$server"; done
kill -s QUIT "$server" 2>/dev/null
wait "$server""#;

/// A running server. Dropping it ends the server and removes what it stored.
pub(crate) struct Postgres {
    watched: Option<Child>,
    scratch: tempfile::TempDir,
    port: u16,
    /// What it is called where it follows another.
    name: String,
}

impl Postgres {
    /// Makes a cluster with checksums and TLS, and starts it. `initdb` and `postgres` refuse to be run by root, who
    /// hands them to `nobody`.
    pub(crate) fn start() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = scratch.path().join("data");
        fs::create_dir(&data).unwrap();
        give(&data);
        let password = scratch.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
        let readable = scratch.path().join("password.once");
        fs::write(&readable, PASSWORD).unwrap();
        give(&readable);
        let made = as_nobody(program("initdb"))
            .args(["--auth=scram-sha-256", "--data-checksums", "--no-sync", "--encoding=UTF8", "--locale=C", "--username=hozon"])
            .arg(format!("--pwfile={}", readable.display()))
            .arg("-D")
            .arg(&data)
            .current_dir(scratch.path())
            .output()
            .unwrap_or_else(|error| panic!("needs PostgreSQL: {error}"));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(scratch.path().join("ca.pem"), made.cert.pem()).unwrap();
        fs::write(data.join("server.crt"), made.cert.pem()).unwrap();
        fs::write(data.join("server.key"), made.signing_key.serialize_pem()).unwrap();
        fs::set_permissions(data.join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
        give(&data.join("server.crt"));
        give(&data.join("server.key"));
        let mut server = Self { watched: None, scratch, port: free_port(), name: "primary".to_owned() };
        server.resume();
        server
    }

    /// Makes a standby called `name`, which follows this server from now on. It does not answer for the primary's disk: whether
    /// it is waited for is the primary's setting.
    pub(crate) fn standby(&self, name: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = scratch.path().join("data");
        fs::create_dir(&data).unwrap();
        give(&data);
        let copied = as_nobody(program("pg_basebackup"))
            .args(["--host=127.0.0.1", &format!("--port={}", self.port), "--username=hozon", "--no-password", "--no-sync"])
            .args(["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--pgdata"])
            .arg(&data)
            .env("PGPASSWORD", PASSWORD)
            .current_dir(scratch.path())
            .output()
            .unwrap_or_else(|error| panic!("needs `pg_basebackup`: {error}"));
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        let mut standby = Self { watched: None, scratch, port: free_port(), name: name.to_owned() };
        standby.resume();
        standby
    }

    /// Starts it, again after [`Postgres::crash`], with what it stored.
    pub(crate) fn resume(&mut self) {
        let data = self.scratch.path().join("data");
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", self.port),
            "unix_socket_directories=".to_owned(),
            "ssl=on".to_owned(),
            "max_connections=200".to_owned(),
            "logging_collector=off".to_owned(),
            format!("cluster_name={}", self.name),
        ];
        let log = fs::File::create(self.scratch.path().join("log")).unwrap();
        let mut command = as_nobody("sh");
        command.args(["-c", WATCHED, "sh"]).arg(program("postgres")).arg("-D").arg(&data);
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        command.current_dir(self.scratch.path()).stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        self.watched = Some(command.spawn().unwrap());
        let began = Instant::now();
        while !self.asks("SELECT 1") {
            assert!(began.elapsed() < PATIENCE, "{}", fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills every process of it at once, as a failing machine would.
    pub(crate) fn crash(&mut self) {
        self.signal("KILL");
        // The others notice that their postmaster is gone.
        let began = Instant::now();
        while self.asks("SELECT 1") {
            assert!(began.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(10));
        }
        self.end();
        let _stale = fs::remove_file(self.scratch.path().join("data/postmaster.pid"));
    }

    /// Ends all connections and starts anew, as an operator would.
    pub(crate) fn restart(&mut self) {
        self.signal("INT");
        self.end();
        self.resume();
    }

    fn signal(&mut self, signal: &str) {
        if let Some(input) = self.watched.as_mut().and_then(|watched| watched.stdin.as_mut()) {
            writeln!(input, "{signal}").unwrap();
        }
    }

    fn end(&mut self) {
        if let Some(mut watched) = self.watched.take() {
            drop(watched.stdin.take());
            watched.wait().unwrap();
        }
    }

    /// Whether a statement succeeds.
    pub(crate) fn asks(&self, sql: &str) -> bool {
        self.psql(sql).is_ok()
    }

    /// What a statement answers, a line for each row.
    pub(crate) fn psql(&self, sql: &str) -> Result<String, String> {
        let answered = Command::new("psql")
            .args([
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--set=ON_ERROR_STOP=1",
                "--dbname=postgres",
                "--username=hozon",
            ])
            .args(["--host=127.0.0.1", &format!("--port={}", self.port), "--command", sql])
            .env("PGPASSWORD", PASSWORD)
            .env("PGCONNECT_TIMEOUT", "5")
            .output()
            .unwrap_or_else(|error| panic!("needs `psql`: {error}"));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        if answered.status.success() { Ok(text(answered.stdout)) } else { Err(text(answered.stderr)) }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The variables of the environment that make a gateway use it.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let settings = [
            ("HOSTS", format!("[\"localhost:{}\"]", self.port)),
            ("DATABASE", "postgres".to_owned()),
            ("USER", "hozon".to_owned()),
            ("PASSWORD_FILE", self.password().display().to_string()),
            ("CA", self.ca().display().to_string()),
        ];
        settings.map(|(name, value)| (format!("HOZON__INDEX__POSTGRES__{name}"), value)).into()
    }

    /// The file with the authority that signed the server's certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.scratch.path().join("ca.pem")
    }

    /// The file with the password of the user `hozon`.
    pub(crate) fn password(&self) -> PathBuf {
        self.scratch.path().join("password")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn give(path: &Path) {
    if is_root() {
        let nobody = 65_534;
        chown(path, Some(nobody), Some(nobody)).unwrap();
    }
}

fn as_nobody(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// A program of the newest version that Debian has installed, or of the search path.
fn program(name: &str) -> PathBuf {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin").join(name));
    installed.filter(|path| path.exists()).max().unwrap_or_else(|| PathBuf::from(name))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
