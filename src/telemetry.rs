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
use tracing_subscriber::{Layer, Registry, fmt, registry, reload};

/// Logs lines for people to standard error, from `level` up.
///
/// # Errors
/// [`TryInitError`] when the process logs already.
pub fn log_text(level: Level) -> Result<LogLevel, TryInitError> {
    let (filter, handle) = reload::Layer::new(ours(level));
    registry().with(fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_filter(filter)).try_init()?;
    Ok(LogLevel(handle))
}

/// Logs one JSON object a line to standard error, from `level` up.
///
/// # Errors
/// [`TryInitError`] when the process logs already.
pub fn log_json(level: Level) -> Result<LogLevel, TryInitError> {
    let (filter, handle) = reload::Layer::new(ours(level));
    registry().with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).with_filter(filter)).try_init()?;
    Ok(LogLevel(handle))
}

/// The least important that is logged, changeable while the process runs.
#[derive(Debug, Clone)]
pub struct LogLevel(reload::Handle<Targets, Registry>);

/// From now on a panic is logged by its place alone: its text may hold anything that was in memory.
pub fn log_panics_without_text() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        tracing::error!(at, "panicked");
    }));
}

impl LogLevel {
    /// Logs from `level` up from now on.
    pub fn set(&self, level: Level) {
        if let Err(error) = self.0.reload(ours(level)) {
            tracing::warn!(%error, "the log level stays as it was");
        }
    }
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
