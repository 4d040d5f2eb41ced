use crate::audit::{Actor, Event, EventKind, Subject, Verdict};
use crate::domain::{EventId, PrincipalKind, UtcTime};
use tokio::net::UnixStream;

/// Who is at the other end of an admin connection: a user of this machine, as the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    user: u32,
    proven_by: &'static str,
}

impl Operator {
    /// The user behind `stream`, who must be the gateway's own or the superuser: the socket's mode lets in no
    /// other, and this holds even where somebody has changed it.
    pub(super) fn behind(stream: &UnixStream) -> Option<Self> {
        let user = stream.peer_cred().ok()?.uid();
        (user == 0 || user == rustix::process::geteuid().as_raw()).then_some(Self { user, proven_by: "admin-socket" })
    }

    /// Whoever runs this program.
    pub(super) fn at_this_machine() -> Self {
        Self { user: rustix::process::geteuid().as_raw(), proven_by: "command-line" }
    }

    /// The number of the user.
    pub(super) const fn user(&self) -> u32 {
        self.user
    }

    /// The audit event of something that this operator does to a tenant.
    pub(super) fn event(&self, action: &str, operation: &str, subject: Subject, now: UtcTime) -> Event {
        let (id, at) = Event::stamp(EventId::random(), now);
        Event {
            v: Event::VERSION,
            id,
            at,
            kind: EventKind::Administration,
            actor: Actor {
                id: String::new(),
                name: format!("user-{}", self.user),
                display_name: String::new(),
                kind: PrincipalKind::Operator,
                job_types: vec!["provider_operator".to_owned()],
                proven_by: self.proven_by.to_owned(),
                credential: None,
            },
            action: action.to_owned(),
            operation: operation.to_owned(),
            subject,
            verdict: Verdict::Allowed,
            reason: None,
            purpose: None,
            source: None,
            user_agent: None,
            outcome: None,
        }
    }
}
