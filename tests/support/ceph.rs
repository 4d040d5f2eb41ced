//! Ceph's object gateway as the object store behind, for tests of it: one monitor, one manager, one disk in memory, and
//! `radosgw` on loopback with a bucket of ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long each step of a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const ACCESS_KEY: &str = "HOZONATCEPH000000001";
const SECRET_KEY: &str = "a-secret-of-the-object-gateway-00000001";
const BUCKET: &str = "blobs";
const MAKE_BUCKET: &str = "import boto3, sys
_, url, key, secret, bucket = sys.argv
client = boto3.client('s3', endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret, region_name='us-east-1')
client.create_bucket(Bucket=bucket)
";

/// A running cluster. Dropping it kills every process and removes what it stored.
pub(crate) struct Ceph {
    processes: Vec<Child>,
    scratch: tempfile::TempDir,
    port: u16,
}

impl Ceph {
    /// Starts the programs of Debian's `ceph-mon`, `ceph-mgr`, `ceph-osd` and `radosgw`, and makes the bucket.
    pub(crate) fn start() -> Self {
        let [monitor, port] = free_ports();
        let mut ceph = Self { processes: Vec::new(), scratch: tempfile::tempdir().unwrap(), port };
        for name in ["mon", "mgr", "osd", "run"] {
            fs::create_dir(ceph.place(name)).unwrap();
        }
        let cluster = uuid::Uuid::new_v4();
        fs::write(ceph.place("ceph.conf"), configuration(ceph.scratch.path(), &cluster.to_string(), monitor)).unwrap();
        ceph.make_keys();
        let map = ceph.place("map").display().to_string();
        let address = format!("[v2:127.0.0.1:{monitor}]");
        ceph.runs("monmaptool", &["--create", "--addv", "a", &address, "--fsid", &cluster.to_string(), &map]);
        ceph.runs("ceph-mon", &["-i", "a", "--mkfs", "--monmap", &map]);
        ceph.begins("ceph-mon", &["-i", "a", "-f", "--public-addr", &address]);
        ceph.begins("ceph-mgr", &["-i", "x", "-f"]);
        let disk = uuid::Uuid::new_v4().to_string();
        ceph.runs("ceph", &["--connect-timeout", "60", "osd", "new", &disk]);
        ceph.runs("ceph-osd", &["-i", "0", "--mkfs", "--osd-uuid", &disk]);
        ceph.begins("ceph-osd", &["-i", "0", "-f"]);
        ceph.until("the disk is in", |ceph| String::from_utf8_lossy(&ceph.output("ceph", &["osd", "stat"])).contains("1 up"));
        let door = format!("beast endpoint=127.0.0.1:{port}");
        ceph.begins("radosgw", &["-n", "client.rgw", "-f", "--rgw-frontends", &door]);
        let user = ["user", "create", "--uid", "hozon", "--display-name", "hozon", "--access-key", ACCESS_KEY, "--secret", SECRET_KEY];
        ceph.runs("radosgw-admin", &[&["-n", "client.admin"], user.as_slice()].concat());
        fs::write(ceph.place("secret"), SECRET_KEY).unwrap();
        fs::set_permissions(ceph.place("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        ceph.until("it takes a bucket", Self::takes_a_bucket);
        ceph
    }

    /// The variables of the environment that make a gateway use it.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let settings = [
            ("ENDPOINT", format!("http://localhost:{}", self.port)),
            ("BUCKET", BUCKET.to_owned()),
            ("REGION", "us-east-1".to_owned()),
            ("ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("SECRET_KEY_FILE", self.place("secret").display().to_string()),
            ("PREFIX", "hozon/".to_owned()),
        ];
        settings.map(|(name, value)| (format!("HOZON__STORE__S3__{name}"), value)).into()
    }

    /// One file with the keys of all parts: they trust each other by it.
    fn make_keys(&self) {
        let keys = self.place("keys").display().to_string();
        self.runs("ceph-authtool", &["-C", &keys, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"]);
        for name in ["client.admin", "client.rgw", "osd.0", "mgr.x"] {
            let mut given = vec![keys.as_str(), "--gen-key", "-n", name];
            for of in ["mon", "osd", "mgr"] {
                given.extend(["--cap", of, "allow *"]);
            }
            self.runs("ceph-authtool", &given);
        }
    }

    fn takes_a_bucket(&self) -> bool {
        let python = std::env::var("HOZON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let url = format!("http://localhost:{}", self.port);
        let made = Command::new(python).args(["-c", MAKE_BUCKET, &url, ACCESS_KEY, SECRET_KEY, BUCKET]).stderr(Stdio::null()).status();
        made.unwrap().success()
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env("CEPH_CONF", self.place("ceph.conf")).args(arguments).current_dir(self.scratch.path()).stdin(Stdio::null());
        command
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let ran = self.command(program, arguments).output().unwrap_or_else(|error| panic!("needs `{program}`: {error}"));
        ran.stdout
    }

    fn runs(&self, program: &str, arguments: &[&str]) {
        let ran = self.command(program, arguments).output().unwrap_or_else(|error| panic!("needs `{program}`: {error}"));
        assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    fn begins(&mut self, program: &str, arguments: &[&str]) {
        let log = fs::File::create(self.place(&format!("{program}.log"))).unwrap();
        let mut command = self.command(program, arguments);
        let begun = command.stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.processes.push(begun.unwrap_or_else(|error| panic!("needs `{program}`: {error}")));
    }

    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            let log = || fs::read_to_string(self.place("radosgw.log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "not yet: {what}\n{}", log());
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }
}

impl Drop for Ceph {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            // It may have ended already; either way it is gone then.
            let _gone = process.kill();
            let _status = process.wait();
        }
    }
}

fn configuration(place: &Path, cluster: &str, monitor: u16) -> String {
    let place = place.display();
    format!(
        "[global]\nfsid = {cluster}\nmon host = [v2:127.0.0.1:{monitor}]\npublic network = 127.0.0.0/8\n\
         auth cluster required = cephx\nauth service required = cephx\nauth client required = cephx\n\
         keyring = {place}/keys\nmon data = {place}/mon\nmgr data = {place}/mgr\nosd data = {place}/osd\n\
         run dir = {place}/run\nadmin socket = {place}/run/$name.asok\nlog file = {place}/run/$name.log\npid file =\n\
         osd objectstore = memstore\nmemstore device bytes = 1073741824\nosd pool default size = 1\n\
         osd pool default min size = 1\nosd pool default pg num = 8\nosd pool default pg autoscale mode = off\n\
         osd crush chooseleaf type = 0\nmon allow pool size one = true\nmon max pg per osd = 1000\nmon data avail warn = 1\n\
         mon data avail crit = 1\n"
    )
}

/// Ports that nobody uses, below those that are lent to outgoing connections.
fn free_ports() -> [u16; 2] {
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut free = (19_500..24_000).step_by(11).filter(is_free);
    std::array::from_fn(|_| free.next().unwrap())
}
