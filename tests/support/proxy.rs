//! A wire between two programs that a test can spoil: it delays, resets, cuts or swallows what goes through it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

/// How the wire behaves, for connections that there are and for new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Wire {
    /// It carries everything.
    Good = 0,
    /// Each piece comes late.
    Slow = 1,
    /// Connections are reset, and new ones at once.
    Reset = 2,
    /// What the caller sends gets lost, and nobody is told.
    SwallowsRequests = 3,
    /// What the server answers gets lost, and nobody is told.
    SwallowsAnswers = 4,
    /// Answers are cut in the middle.
    Cuts = 5,
}

/// A listening wire. Dropping it ends it with its connections.
pub(crate) struct Proxy {
    port: u16,
    wire: Arc<AtomicU8>,
    stopped: Arc<AtomicBool>,
}

const LOOKS: Duration = Duration::from_millis(50);

impl Proxy {
    /// A wire from a free port of this machine to `target`.
    pub(crate) fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (wire, stopped) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicBool::new(false)));
        let port = listener.local_addr().unwrap().port();
        let state = (Arc::clone(&wire), Arc::clone(&stopped));
        thread::spawn(move || accept(&listener, target, &state));
        Self { port, wire, stopped }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, wire: Wire) {
        self.wire.store(wire as u8, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

type State = (Arc<AtomicU8>, Arc<AtomicBool>);

fn accept(listener: &TcpListener, target: SocketAddr, state: &State) {
    listener.set_nonblocking(true).unwrap();
    while !state.1.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((caller, _)) => {
                let _refused = connect(caller, target, state);
            }
            Err(_none) => thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn connect(caller: TcpStream, target: SocketAddr, state: &State) -> std::io::Result<()> {
    caller.set_nonblocking(false)?;
    if is(state, Wire::Reset) {
        return caller.shutdown(Shutdown::Both);
    }
    let server = TcpStream::connect(target)?;
    for stream in [&caller, &server] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOKS))?;
    }
    let (caller_too, server_too) = (caller.try_clone()?, server.try_clone()?);
    let (one, other) = (state.clone(), state.clone());
    thread::spawn(move || carry(caller, server_too, &one, Wire::SwallowsRequests));
    thread::spawn(move || carry(server, caller_too, &other, Wire::SwallowsAnswers));
    Ok(())
}

fn is(state: &State, wire: Wire) -> bool {
    state.0.load(Ordering::Relaxed) == wire as u8
}

fn carry(mut from: TcpStream, mut to: TcpStream, state: &State, swallows: Wire) {
    let mut piece = vec![0; 16 * 1_024];
    loop {
        if is(state, Wire::Reset) || state.1.load(Ordering::Relaxed) {
            break;
        }
        match from.read(&mut piece) {
            Ok(0) => break,
            // What is swallowed is lost for good: the connection would be out of step.
            Ok(_) if is(state, swallows) => {
                while is(state, swallows) {
                    thread::sleep(LOOKS);
                }
                break;
            }
            Ok(length) => {
                if is(state, Wire::Slow) {
                    thread::sleep(Duration::from_millis(40));
                }
                let is_cut = is(state, Wire::Cuts) && swallows == Wire::SwallowsAnswers && length > 1;
                let kept = if is_cut { length / 2 } else { length };
                if to.write_all(&piece[..kept]).is_err() || is_cut {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_gone) => break,
        }
    }
    let _gone = from.shutdown(Shutdown::Both);
    let _gone = to.shutdown(Shutdown::Both);
}
