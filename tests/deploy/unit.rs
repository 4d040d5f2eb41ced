//! The systemd unit.

use super::ran;
use hozon::engine::IndexSettings;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILE: &str = "deploy/systemd/hozon.service";
/// How exposed systemd may find the unit, of 10: what is left is the network, which the program is there for.
const EXPOSURE_MAX: f32 = 1.1;
/// How long a confined gateway may take to serve on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn setting(name: &str) -> String {
    let text = fs::read_to_string(FILE).unwrap();
    let mut found = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let value = found.next().unwrap_or_else(|| panic!("{name} is not set")).to_owned();
    assert_eq!(found.next(), None, "{name} is set twice");
    value
}

/// The unit as it would be on this machine.
fn installed(place: &Path) -> PathBuf {
    let unit = place.join("hozon.service");
    fs::write(&unit, fs::read_to_string(FILE).unwrap().replace("/usr/local/bin/hozon", env!("CARGO_BIN_EXE_hozon"))).unwrap();
    unit
}

#[test]
fn the_unit_fits_the_program() {
    let shipped = hozon::config::read(Path::new("config/hozon.toml"), std::iter::empty()).unwrap();
    let drain: u64 = setting("TimeoutStopSec").parse().unwrap();
    assert!(Duration::from_secs(drain) > shipped.listener.drain_time_max, "transfers under way can finish");
    assert_eq!((setting("Type").as_str(), setting("NotifyAccess").as_str()), ("notify", "main"));
    assert!(setting("WatchdogSec").parse::<u64>().unwrap() >= 10);
    // Under a finite limit the program locks nothing.
    assert_eq!((setting("LimitMEMLOCK").as_str(), setting("LimitCORE").as_str()), ("infinity", "0"));
    let files: usize = setting("LimitNOFILE").parse().unwrap();
    assert!(files > shipped.listener.connections_max * 4);
    // What the shipped configuration writes, it may.
    assert!(shipped.admin_socket.starts_with(Path::new("/run").join(setting("RuntimeDirectory"))));
    let IndexSettings::Sqlite(index) = &shipped.index else { panic!("the shipped index is a file") };
    assert!(index.path.starts_with(Path::new("/var/lib").join(setting("StateDirectory"))));
    assert!(setting("ExecStart").ends_with("serve --config /etc/hozon/hozon.toml"));
}

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_finds_the_unit_right_and_little_exposed() {
    let place = tempfile::tempdir().unwrap();
    let unit = installed(place.path());
    let said = ran(Command::new("systemd-analyze").arg("verify").arg(&unit));
    assert!(!said.contains("hozon.service"), "{said}");
    let said = ran(Command::new("systemd-analyze").args(["security", "--offline=true", "--no-pager"]).arg(&unit));
    let level = said.split("Overall exposure level for hozon.service: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    assert!(level.parse::<f32>().unwrap() <= EXPOSURE_MAX, "{said}");
}

/// A demo makes keys, index and store, serves TLS, and writes and reads through it: all that a gateway calls for.
#[test]
#[ignore = "needs systemd-analyze, libseccomp and python3"]
fn a_gateway_serves_under_the_units_system_call_filter() {
    let place = tempfile::tempdir().unwrap();
    let unit = installed(place.path());
    let program = place.path().join("hozon");
    fs::copy(env!("CARGO_BIN_EXE_hozon"), &program).unwrap();
    let home = place.path().join("home");
    fs::create_dir(&home).unwrap();
    if rustix::process::geteuid().is_root() {
        // It gives up root before the filter holds.
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        chown(&home, Some(65_534), Some(65_534)).unwrap();
    }
    let confined = || {
        let mut command = Command::new("python3");
        command.arg("tests/deploy/confined.py").arg(&unit);
        command
    };
    // The filter does hold: this program asks for another priority.
    let refused = confined().args(["/usr/bin/nice", "-n", "5", "/bin/true"]).status().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&refused), Some(31), "{refused}");

    // It lets memory be locked, which the gateway here may not ask for under this machine's limit.
    let locks = "import ctypes; ctypes.CDLL(None).mlockall(1)";
    super::ran(confined().args(["/usr/bin/python3", "-c", locks]));

    let log = fs::File::create(place.path().join("log")).unwrap();
    let mut demo = confined();
    demo.arg(&program).args(["demo", "--listen", "127.0.0.1:0", "--dir"]).arg(home.join("demo"));
    let mut demo = demo.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let said = || fs::read_to_string(place.path().join("log")).unwrap();
    let began = Instant::now();
    while !home.join("demo/demo.json").exists() {
        if let Some(status) = demo.try_wait().unwrap() {
            panic!("it ended with {status}:\n{}", said());
        }
        assert!(began.elapsed() < PATIENCE, "it does not serve:\n{}", said());
        std::thread::sleep(Duration::from_millis(50));
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(0), "{}", said());
}
