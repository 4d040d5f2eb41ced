//! What the service manager that started the process is told: systemd's notification protocol, `sd_notify(3)`.
//!
//! The watchdog's sign says one thing: this process still runs its tasks. It does not hang on the index, the store or the
//! root key. A restart mends none of these, cuts off downloads that are under way and drops tenant keys that are still
//! good; and with a database away it would end every node of a cluster again and again. Whoever balances load asks
//! `/-/readyz` for that. What only a restart mends, a runtime whose threads are all stuck, is just what ends the sign.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How long a message may wait for a manager that does not read.
const SEND_TIME_MAX: Duration = Duration::from_secs(1);
/// Signs of life within the time that the manager waits for one, so that one lost is not the end.
const SIGNS_WITHIN: u32 = 3;

/// The service manager, where there is one that wants to be told.
#[derive(Debug, Clone, Default)]
pub struct Supervisor(Option<Arc<Manager>>);

#[derive(Debug)]
struct Manager {
    ours: UnixDatagram,
    theirs: SocketAddr,
    /// How long it waits for a sign of life; nothing where it does not watch.
    patience: Option<Duration>,
}

/// What came of reading the configuration again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reloaded {
    /// It holds now.
    Over,
    /// It was wrong somewhere; everything stays as it was.
    AsItWas,
}

/// The service manager cannot be told anything, so that it would end the process for not having heard of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// Its address is of no kind that is known here.
    #[error("NOTIFY_SOCKET: `{}` is neither an absolute path nor an abstract name such as @name", found.display())]
    Address {
        /// The address.
        found: OsString,
        /// What is wrong with it, where the system says so.
        #[source]
        source: Option<io::Error>,
    },
    /// No socket can be had.
    #[error("no socket for messages to the service manager can be had")]
    Socket(#[source] io::Error),
    /// It does not say in numbers how long it waits.
    #[error("{name}: `{}` is not a number above 0", found.display())]
    Number {
        /// The variable.
        name: &'static str,
        /// What it says.
        found: OsString,
    },
}

impl Supervisor {
    /// The one that the process's environment names: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    ///
    /// # Errors
    /// [`SupervisorError`] when it is named, but cannot be told anything.
    pub fn from_environment() -> Result<Self, SupervisorError> {
        Self::named_by(|name| std::env::var_os(name))
    }

    fn named_by(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, SupervisorError> {
        let Some(at) = variable("NOTIFY_SOCKET").filter(|at| !at.is_empty()) else { return Ok(Self::default()) };
        let theirs = address(&at)?;
        let ours = UnixDatagram::unbound().map_err(SupervisorError::Socket)?;
        ours.set_write_timeout(Some(SEND_TIME_MAX)).map_err(SupervisorError::Socket)?;
        let micros = number("WATCHDOG_USEC", &variable)?;
        // The environment may have come down from a parent that is watched itself.
        let is_ours = number("WATCHDOG_PID", &variable)?.is_none_or(|pid| pid == u64::from(std::process::id()));
        let patience = micros.filter(|_| is_ours).map(Duration::from_micros);
        Ok(Self(Some(Arc::new(Manager { ours, theirs, patience }))))
    }

    /// The gateway answers.
    pub(super) fn ready(&self) {
        self.say("READY=1\nSTATUS=serving");
    }

    /// The configuration is being read again.
    pub(super) fn reloading(&self) {
        if self.0.is_some() {
            self.say(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_micros()));
        }
    }

    /// The gateway goes on as `reloaded`.
    pub(super) fn reloaded(&self, reloaded: Reloaded) {
        self.say(match reloaded {
            Reloaded::Over => "READY=1\nSTATUS=serving, the configuration was read again",
            Reloaded::AsItWas => "READY=1\nSTATUS=serving, the configuration is wrong and stays as it was: see the log",
        });
    }

    /// The gateway takes no new requests and finishes what is under way.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=finishing transfers");
    }

    /// Gives signs of life for ever, where they are wanted: from the runtime that serves, so that they end with it.
    pub(super) async fn keep_alive(self) {
        let Some(patience) = self.0.as_ref().and_then(|manager| manager.patience) else { return };
        let mut signs = tokio::time::interval(patience / SIGNS_WITHIN);
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            signs.tick().await;
            self.say("WATCHDOG=1");
        }
    }

    fn say(&self, message: &str) {
        let Some(manager) = &self.0 else { return };
        if let Err(error) = manager.ours.send_to_addr(message.as_bytes(), &manager.theirs) {
            tracing::warn!(%error, "the service manager could not be told");
        }
    }
}

fn address(at: &OsStr) -> Result<SocketAddr, SupervisorError> {
    let refused = |source| SupervisorError::Address { found: at.to_owned(), source };
    match at.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(at),
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => return Err(refused(None)),
    }
    .map_err(|source| refused(Some(source)))
}

fn number(name: &'static str, variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<u64>, SupervisorError> {
    let Some(found) = variable(name) else { return Ok(None) };
    match found.to_str().and_then(|text| text.parse().ok()) {
        Some(number) if number > 0 => Ok(Some(number)),
        _ => Err(SupervisorError::Number { name, found }),
    }
}

/// By the clock that the manager compares with its own.
fn monotonic_micros() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// A service manager that listens, and what it puts into the environment.
    struct Listening {
        socket: UnixDatagram,
        environment: Vec<(&'static str, OsString)>,
    }

    impl Listening {
        fn at(address: &SocketAddr, name: impl Into<OsString>) -> Self {
            let socket = UnixDatagram::bind_addr(address).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            Self { socket, environment: vec![("NOTIFY_SOCKET", name.into())] }
        }

        fn anywhere() -> Self {
            let name = format!("hozon-test-{}", uuid::Uuid::new_v4());
            Self::at(&SocketAddr::from_abstract_name(&name).unwrap(), format!("@{name}"))
        }

        fn watching(mut self, patience: Duration, process: u32) -> Self {
            self.environment.push(("WATCHDOG_USEC", patience.as_micros().to_string().into()));
            self.environment.push(("WATCHDOG_PID", process.to_string().into()));
            self
        }

        fn supervisor(&self) -> Supervisor {
            named_by(&self.environment).unwrap()
        }

        fn heard(&self) -> String {
            let mut message = [0; 512];
            let length = self.socket.recv(&mut message).unwrap();
            String::from_utf8(message[..length].to_vec()).unwrap()
        }

        fn heard_nothing_more(&self) {
            self.socket.set_nonblocking(true).unwrap();
            assert_eq!(self.socket.recv(&mut [0; 512]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            self.socket.set_nonblocking(false).unwrap();
        }
    }

    fn named_by(environment: &[(&'static str, OsString)]) -> Result<Supervisor, SupervisorError> {
        Supervisor::named_by(|name| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()))
    }

    #[test]
    fn a_manager_hears_each_change_by_path_and_by_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        for manager in [Listening::at(&SocketAddr::from_pathname(&path).unwrap(), &path), Listening::anywhere()] {
            let supervisor = manager.supervisor();
            supervisor.ready();
            assert_eq!(manager.heard(), "READY=1\nSTATUS=serving");
            let before = monotonic_micros();
            supervisor.reloading();
            let reloading = manager.heard();
            let at: i64 = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse().unwrap();
            assert!((before..=monotonic_micros()).contains(&at), "{reloading}");
            supervisor.reloaded(Reloaded::AsItWas);
            let reloaded = manager.heard();
            assert!(reloaded.starts_with("READY=1\nSTATUS=") && reloaded.contains("stays as it was"), "{reloaded}");
            supervisor.reloaded(Reloaded::Over);
            assert!(manager.heard().starts_with("READY=1\n"));
            supervisor.stopping();
            assert!(manager.heard().starts_with("STOPPING=1\n"));
        }
    }

    #[test]
    fn signs_of_life_come_in_time_and_end_when_the_runtime_is_stuck() {
        const PATIENCE: Duration = Duration::from_millis(600);
        let manager = Listening::anywhere().watching(PATIENCE, std::process::id());
        let supervisor = manager.supervisor();
        let (stick, told) = std::sync::mpsc::channel::<()>();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        runtime.spawn(supervisor.keep_alive());
        let began = Instant::now();
        for _ in 0..4 {
            assert_eq!(manager.heard(), "WATCHDOG=1");
        }
        assert!(began.elapsed() >= PATIENCE - PATIENCE / 10, "one at once, three within the manager's patience");
        let (stick_too, told_too) = std::sync::mpsc::channel::<()>();
        let stuck = Arc::new(std::sync::Barrier::new(3));
        for told in [told, told_too] {
            let stuck = Arc::clone(&stuck);
            runtime.spawn(async move {
                stuck.wait();
                told.recv().unwrap_err();
            });
        }
        stuck.wait();
        // Whatever was sent before both threads were stuck.
        manager.socket.set_nonblocking(true).unwrap();
        while manager.socket.recv(&mut [0; 512]).is_ok() {}
        std::thread::sleep(PATIENCE * 2);
        manager.heard_nothing_more();
        drop((stick, stick_too));
        assert_eq!(manager.heard(), "WATCHDOG=1");
    }

    #[tokio::test]
    async fn nobody_who_does_not_watch_this_process_gets_signs_of_life() {
        let unwatching = Listening::anywhere();
        unwatching.supervisor().keep_alive().await;
        unwatching.heard_nothing_more();
        let watching_another = Listening::anywhere().watching(Duration::from_millis(30), std::process::id() + 1);
        watching_another.supervisor().keep_alive().await;
        watching_another.heard_nothing_more();
        Supervisor::default().keep_alive().await;
        assert!(named_by(&[("NOTIFY_SOCKET", OsString::new())]).unwrap().0.is_none());
    }

    #[test]
    fn a_manager_that_cannot_be_told_is_said_to_be_so() {
        let refused = |environment: &[(&'static str, &str)]| {
            let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
            named_by(&environment).unwrap_err().to_string()
        };
        assert!(refused(&[("NOTIFY_SOCKET", "vsock:2:1")]).contains("`vsock:2:1` is neither"));
        let long = format!("/{}", "a".repeat(200));
        assert!(refused(&[("NOTIFY_SOCKET", &long)]).starts_with("NOTIFY_SOCKET"));
        for wrong in ["0", "-1", "soon", ""] {
            assert!(refused(&[("NOTIFY_SOCKET", "@x"), ("WATCHDOG_USEC", wrong)]).starts_with("WATCHDOG_USEC"), "{wrong}");
            assert!(refused(&[("NOTIFY_SOCKET", "@x"), ("WATCHDOG_PID", wrong)]).starts_with("WATCHDOG_PID"), "{wrong}");
        }
        assert!(SupervisorError::Socket(io::Error::other("x")).to_string().contains("service manager"));
        // Gone in between: it goes on without.
        named_by(&[("NOTIFY_SOCKET", "@hozon-nobody-listens-here".into())]).unwrap().ready();
    }
}
