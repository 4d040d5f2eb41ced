use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Tells a listener to stop: first in order, then at once.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    in_order: CancellationToken,
    at_once: CancellationToken,
}

impl Stop {
    /// A stop that nobody has asked for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to accept nothing new and to finish what is under way.
    pub fn in_order(&self) {
        self.in_order.cancel();
    }

    /// Asks to give up what is under way.
    pub fn at_once(&self) {
        self.in_order.cancel();
        self.at_once.cancel();
    }

    /// Waits until a stop was asked for.
    pub async fn asked(&self) {
        self.in_order.cancelled().await;
    }

    /// Waits until an immediate stop was asked for.
    pub async fn urged(&self) {
        self.at_once.cancelled().await;
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.in_order.is_cancelled()
    }

    /// Follows SIGTERM and SIGINT from now on: the first asks to stop in order, the second at once. Neither ends the process
    /// by itself any more.
    ///
    /// # Errors
    /// An I/O error when the signals cannot be listened to.
    pub fn follow_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if stop.is_asked() {
                    stop.at_once();
                } else {
                    stop.in_order();
                }
            }
        });
        Ok(())
    }
}
