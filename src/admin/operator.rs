use crate::audit::Operator;
use tokio::net::UnixStream;

/// The operator at the other end of the admin socket, as the kernel says; none for a user who may not be one.
///
/// Only the superuser and the gateway's own user are operators: the socket's mode lets nobody else in, and this holds even
/// where somebody has changed it.
pub(super) fn behind(stream: &UnixStream) -> Option<Operator> {
    let user = stream.peer_cred().ok()?.uid();
    (user == 0 || user == rustix::process::geteuid().as_raw()).then(|| Operator::user(user, "admin-socket"))
}

/// Whoever runs this program.
pub(super) fn at_this_machine() -> Operator {
    Operator::user(rustix::process::geteuid().as_raw(), "command-line")
}
