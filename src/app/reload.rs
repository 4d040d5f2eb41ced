use super::Services;
use super::decisions::rules;
use super::notify::{Reloaded, Supervisor};
use crate::config::{self, Settings};
use crate::domain::causes;
use crate::listener::ListenerControl;
use crate::telemetry::LogLevel;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a gateway reads again at SIGHUP, and the parts of the process that are not its own.
#[derive(Debug, Clone)]
pub struct Reload {
    /// The configuration file.
    pub file: PathBuf,
    /// The process's log.
    pub log_level: LogLevel,
    /// Who is told of it.
    pub supervisor: Supervisor,
}

/// Listens for SIGHUP. From here on the signal no longer ends the process.
///
/// # Errors
/// An I/O error when signals cannot be listened to.
pub(super) fn signals() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// A gateway whose settings can change while it runs.
pub(super) struct Running {
    /// As they hold now.
    pub(super) settings: Settings,
    pub(super) listener: ListenerControl,
    pub(super) services: Arc<Services>,
    pub(super) reload: Reload,
}

impl Running {
    /// Reads the configuration again at each of `signals`, for ever. What is wrong anywhere in it changes nothing.
    pub(super) async fn follow(mut self, mut signals: Signal) {
        while signals.recv().await.is_some() {
            self.reload.supervisor.reloading();
            let file = self.reload.file.display().to_string();
            let reloaded = match config::load(&self.reload.file) {
                Ok(new) => self.take_over(new, &file),
                Err(error) => {
                    tracing::error!(file, error = causes(&error), "the configuration stays as it was");
                    Reloaded::AsItWas
                }
            };
            self.reload.supervisor.reloaded(reloaded);
        }
    }

    fn take_over(&mut self, new: Settings, file: &str) -> Reloaded {
        let (now, left) = self.settings.taken_over(new);
        let rules = match rules(&now) {
            Ok(rules) => rules,
            Err(error) => {
                tracing::error!(file, error = causes(&error), "the configuration stays as it was");
                return Reloaded::AsItWas;
            }
        };
        // The parts that can fail come first: when it does, nothing else has changed.
        if let Err(error) = self.listener.apply(&now.listener) {
            tracing::error!(file, error = causes(&error), "the configuration stays as it was");
            return Reloaded::AsItWas;
        }
        let services = &self.services;
        services.rules.replace(rules);
        services.rates.replace(now.rates);
        services.presign_life_max.replace(now.presign_life_max);
        services.scrub_settings.replace(now.scrub);
        if let (Some(live), Some(backup)) = (&services.keeper_settings, &now.backup) {
            live.replace(backup.keeper);
        }
        services.classes.replace(now.record_classes.clone());
        services.job_types.replace(now.job_types.clone());
        // What is to be said of the change is said if either level lets it.
        let (before, after) = (self.settings.log.level, now.log.level);
        if after > before {
            self.reload.log_level.set(after);
        }
        tracing::info!(file, "the configuration was read again");
        for setting in left {
            tracing::warn!(file, setting, "the setting is another one now, which only a restart takes over");
        }
        for deviation in now.deviations() {
            tracing::warn!(profile = now.profile.name(), %deviation, "weaker than strict-jp");
        }
        if after < before {
            self.reload.log_level.set(after);
        }
        self.settings = now;
        Reloaded::Over
    }
}
