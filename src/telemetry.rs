//! What the process says about itself while it runs: its log.
//!
//! Rules, for every line of our own: a request is named by its id; never a key or secret, a token, the name or path
//! of a record, a patient id, metadata, or bytes of a body; never the text of a panic. Causes of errors are our own
//! types, which keep the same rule. Lines of libraries are not logged at all, at no level: what they may hold is not
//! ours to promise. Ways in: [`log_text`] and [`log_json`].

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, fmt, registry};

/// Logs lines for people to standard error, from `level` up.
///
/// # Errors
/// [`TryInitError`] when the process logs already.
pub fn log_text(level: Level) -> Result<(), TryInitError> {
    registry().with(fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_filter(ours(level))).try_init()
}

/// Logs one JSON object a line to standard error, from `level` up.
///
/// # Errors
/// [`TryInitError`] when the process logs already.
pub fn log_json(level: Level) -> Result<(), TryInitError> {
    registry().with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).with_filter(ours(level))).try_init()
}

fn ours(level: Level) -> Targets {
    Targets::new().with_target("hozon", level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_libraries_are_logged_at_no_level() {
        let filter = ours(Level::DEBUG);
        assert!(filter.would_enable("hozon::listener::answer", &Level::INFO));
        for library in ["s3s::ops", "hyper::proto", "object_store", "h2", "rustls"] {
            assert!(!filter.would_enable(library, &Level::ERROR), "{library}");
        }
    }
}
