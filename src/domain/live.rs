use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// A setting that may be replaced while the gateway runs. Clones share it.
///
/// Whoever acts on it takes it once and keeps to what was taken: a request sees one value from beginning to end.
pub struct Live<T>(Arc<RwLock<Arc<T>>>);

impl<T> Live<T> {
    /// One that holds `value` until it is replaced.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(value))))
    }

    /// What holds now.
    #[must_use]
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on `value` holds.
    pub fn replace(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_see_what_replaces_it_and_what_was_taken_stays() {
        let setting = Live::new(1);
        let (other, taken) = (setting.clone(), setting.now());
        setting.replace(2);
        assert_eq!((*taken, *other.now()), (1, 2));
    }
}
