use super::resolve::Settings;
use crate::blob::BlobSettings;
use crate::listener::WireSettings;

/// Whether a setting is another one in the second settings than in the first.
type Differs = fn(&Settings, &Settings) -> bool;

/// Settings that a running gateway cannot take over: where things lie and what they are.
const NEED_RESTART: &[(&str, Differs)] = &[
    ("profile", |old, new| old.profile != new.profile),
    ("region", |old, new| old.region != new.region),
    ("listener.address", |old, new| old.listener.address != new.listener.address),
    ("listener.base_domain", |old, new| old.listener.base_domains != new.listener.base_domains),
    ("listener.tls", |old, new| versions(old) != versions(new)),
    ("admin.socket", |old, new| old.admin_socket != new.admin_socket),
    ("admin.metrics_listen", |old, new| old.metrics_listen != new.metrics_listen),
    ("index", |old, new| old.index != new.index),
    ("store", |old, new| old.store != new.store),
    ("replica", |old, new| old.replica != new.replica),
    ("backup", |old, new| backup_place(old) != backup_place(new)),
    ("root.key_file", |old, new| old.root.key_file != new.root.key_file),
    ("root.passphrase_file", |old, new| old.root.passphrase_file != new.root.passphrase_file),
    ("keys.lease_secs", |old, new| old.leases != new.leases),
    ("seal.cipher", |old, new| old.aead != new.aead),
    ("log.form", |old, new| old.log.form != new.log.form),
];

fn versions(settings: &Settings) -> Option<crate::listener::TlsVersions> {
    match &settings.listener.wire {
        WireSettings::Tls(tls) => Some(tls.versions),
        WireSettings::PlainOnLoopback => None,
    }
}

fn backup_place(settings: &Settings) -> Option<&BlobSettings> {
    settings.backup.as_ref().map(|backup| &backup.store)
}

impl Settings {
    /// The names of all settings that a running gateway cannot take over; `index`, `store`, `replica` and `backup` stand for their whole
    /// sections.
    pub fn needing_restart() -> impl Iterator<Item = &'static str> {
        NEED_RESTART.iter().map(|(name, _)| *name)
    }

    /// What holds for a gateway that runs with these settings once it has taken over from `new` what can change while
    /// it runs, and the names of the settings that are others in `new` and hold only after a restart.
    #[must_use]
    pub fn taken_over(&self, new: Self) -> (Self, Vec<&'static str>) {
        let left = NEED_RESTART.iter().filter(|(_, differs)| differs(self, &new)).map(|(name, _)| *name).collect();
        let mut now = self.clone();
        now.listener = self.listener.taken_over(new.listener);
        now.rates = new.rates;
        now.presign_life_max = new.presign_life_max;
        now.scrub = new.scrub;
        if let (Some(now), Some(new)) = (&mut now.backup, &new.backup) {
            now.keeper = new.keeper;
        }
        now.record_classes = new.record_classes;
        now.job_types = new.job_types;
        now.access_grid = new.access_grid;
        now.factors = new.factors;
        now.patients = new.patients;
        now.log.level = new.log.level;
        (now, left)
    }
}
