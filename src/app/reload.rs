use crate::listener::Certificate;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGHUP. From here on the signal no longer ends the process.
///
/// # Errors
/// An I/O error when signals cannot be listened to.
pub(super) fn signals() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Reads the certificate again at each of `signals`, for ever. A bad file changes nothing.
pub(super) async fn follow(mut signals: Signal, certificate: Option<Certificate>) {
    while signals.recv().await.is_some() {
        match certificate.as_ref().map(Certificate::reload) {
            None => tracing::info!("there is no certificate to read again"),
            Some(Ok(())) => tracing::info!("the certificate was read again"),
            Some(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "the certificate stays as it was");
            }
        }
    }
}
