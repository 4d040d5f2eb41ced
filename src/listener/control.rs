use super::accept::Listener;
use super::certificate::{Certificate, CertificateError};
use super::settings::{ListenerSettings, WireSettings};
use crate::domain::Live;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Changes a listener while it serves. Clones change the same one.
#[derive(Debug, Clone)]
pub struct ListenerControl {
    pub(super) settings: Live<ListenerSettings>,
    pub(super) certificate: Option<Certificate>,
    /// Connections that may still be opened.
    pub(super) places: Arc<Semaphore>,
    /// Requests that may still come into flight.
    pub(super) turns: Arc<Semaphore>,
    one_at_a_time: Arc<Mutex<()>>,
}

impl Listener {
    /// What changes this listener while it serves.
    #[must_use]
    pub fn control(&self) -> ListenerControl {
        self.control.clone()
    }
}

impl ListenerControl {
    pub(super) fn new(settings: ListenerSettings, certificate: Option<Certificate>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(permits(settings.connections_max))),
            turns: Arc::new(Semaphore::new(permits(settings.requests_max))),
            settings: Live::new(settings),
            certificate,
            one_at_a_time: Arc::default(),
        }
    }

    /// Takes over from `new` what can change ([`ListenerSettings::taken_over`]); the certificate's files are read again
    /// in any case.
    ///
    /// Requests from now on are held to the new limits, connections from now on to the new times. A smaller number of
    /// connections or requests is reached as those under way end. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`CertificateError`] when certificate and key cannot be used: nothing is changed then.
    pub fn apply(&self, new: &ListenerSettings) -> Result<(), CertificateError> {
        let _alone = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.settings.now();
        let now = before.taken_over(new.clone());
        if let (Some(certificate), WireSettings::Tls(tls)) = (&self.certificate, &now.wire) {
            certificate.replace(tls)?;
        }
        resize(&self.places, before.connections_max, now.connections_max);
        resize(&self.turns, before.requests_max, now.requests_max);
        self.settings.replace(now);
        Ok(())
    }
}

fn permits(count: usize) -> usize {
    count.min(Semaphore::MAX_PERMITS)
}

/// Makes `before` permits `after`. Those too many go one by one, as whoever holds them lets go.
fn resize(semaphore: &Arc<Semaphore>, before: usize, after: usize) {
    let (before, after) = (permits(before), permits(after));
    semaphore.add_permits(after.saturating_sub(before));
    let too_many = before.saturating_sub(after);
    if too_many > 0 {
        let semaphore = Arc::clone(semaphore);
        tokio::spawn(async move {
            for _ in 0..too_many {
                // A semaphore that is closed gives no permits to anyone.
                let Ok(permit) = semaphore.acquire().await else { return };
                permit.forget();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn permits_follow_the_setting_while_some_are_held() {
        let semaphore = Arc::new(Semaphore::new(3));
        let held: Vec<_> = (0..3).map(|_| Arc::clone(&semaphore).try_acquire_owned().unwrap()).collect();
        resize(&semaphore, 3, 1);
        tokio::task::yield_now().await;
        drop(held);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(semaphore.available_permits(), 1);
        resize(&semaphore, 1, 4);
        assert_eq!(semaphore.available_permits(), 4);
    }
}
