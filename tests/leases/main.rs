#![expect(clippy::unwrap_used, reason = "a test may stop where something is not as it must be")]

//! Leases through their public interface: how long keys are held, and for whom.

mod keys_engine;

use hozon::domain::*;
use hozon::leases::*;
use hozon::root::{Protection, Root};
use hozon::seal::{Context, TokenKind};
use keys_engine::KeysEngine;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const LIFE: Duration = Duration::from_secs(900);

struct House {
    directory: tempfile::TempDir,
    engine: Arc<KeysEngine>,
    monotonic: Arc<ManualMonotonic>,
    leases: Leases,
}

impl House {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::create_file(&directory.path().join("root.key"), &Protection::FileMode).unwrap();
        let (engine, monotonic) = (Arc::new(KeysEngine::default()), Arc::new(ManualMonotonic::default()));
        let leases = Leases::new(engine.clone(), Arc::new(root), LeaseSettings { life: LIFE }, monotonic.clone());
        Self { directory, engine, monotonic, leases }
    }

    async fn tenant(&self, name: &str) -> TenantId {
        self.leases.create_tenant(name, None, UtcTime::from_micros(0)).await.unwrap().id
    }

    fn take_root_away(&self) {
        std::fs::rename(self.directory.path().join("root.key"), self.directory.path().join("away")).unwrap();
    }

    fn bring_root_back(&self) {
        std::fs::rename(self.directory.path().join("away"), self.directory.path().join("root.key")).unwrap();
    }

    fn asked(&self) -> usize {
        self.engine.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_new_tenant_has_keys_that_work() {
    let house = House::new();
    let tenant = house.tenant("hospital-a").await;
    let index = house.leases.index(tenant).await.unwrap();
    let data = house.leases.data(tenant).await.unwrap();
    let audit = house.leases.audit(tenant).await.unwrap();
    assert_eq!((index.active().version, data.active().version, audit.active().version), (1, 1, 1));
    assert!(index.version(2).is_none());

    let (bucket, version) = (BucketId::random(), VersionId::random());
    let context = Context::dek(tenant, bucket, version);
    let wrapped = data.active().wrap_dek.seal(&context, &[7; 32]).unwrap();
    assert_eq!(data.version(1).unwrap().wrap_dek.open(&context, &wrapped).unwrap().as_slice(), [7; 32]);
    // Another process has the same keys.
    let again = house.leases.index(tenant).await.unwrap();
    house.leases.purge(tenant);
    let fresh = house.leases.index(tenant).await.unwrap();
    let token = |keys: &IndexKeys| keys.token(TokenKind::Key, bucket.as_bytes(), b"a");
    assert_eq!(token(&again), token(&fresh));
}

#[tokio::test]
async fn names_and_facility_codes_of_tenants_are_checked() {
    let house = House::new();
    let now = UtcTime::from_micros(0);
    for name in ["", "-a", ".a", "A", "a b", "病院", &"a".repeat(65)] {
        assert!(matches!(house.leases.create_tenant(name, None, now).await, Err(CreateTenantError::InvalidName)), "{name}");
    }
    for code in ["", "123456789", "12345678901", "123456789x"] {
        assert!(matches!(house.leases.create_tenant("a", Some(code), now).await, Err(CreateTenantError::InvalidFacility)));
    }
    assert_eq!(house.leases.create_tenant("a", Some("1312345678"), now).await.unwrap().facility.as_deref(), Some("1312345678"));
    assert!(matches!(house.leases.create_tenant("a", None, now).await, Err(CreateTenantError::NameTaken { .. })));
}

#[tokio::test]
async fn while_a_lease_lives_nobody_is_asked() {
    let house = House::new();
    let tenant = house.tenant("a").await;
    let first = house.leases.index(tenant).await.unwrap();
    house.take_root_away();
    house.engine.is_down.store(true, Ordering::SeqCst);
    house.monotonic.advance(LIFE / 2);
    let second = house.leases.index(tenant).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(house.asked(), 1);
}

#[tokio::test]
async fn when_a_lease_has_ended_and_the_root_is_gone_there_are_no_keys() {
    let house = House::new();
    let tenant = house.tenant("a").await;
    house.leases.index(tenant).await.unwrap();
    let generation = house.leases.generation(tenant);
    house.take_root_away();
    house.monotonic.advance(LIFE);
    assert!(matches!(house.leases.index(tenant).await, Err(LeaseError::Unavailable { .. })));
    assert_ne!(house.leases.generation(tenant), generation, "what was opened with the keys must go too");
    house.bring_root_back();
    house.leases.index(tenant).await.unwrap();
}

#[tokio::test]
async fn keys_end_also_where_nobody_asks_for_them() {
    let house = House::new();
    let tenant = house.tenant("a").await;
    let held = Arc::downgrade(&house.leases.data(tenant).await.unwrap());
    house.monotonic.advance(LIFE / 2);
    house.leases.sweep().await;
    assert!(held.upgrade().is_some());
    let generation = house.leases.generation(tenant);
    house.monotonic.advance(LIFE / 2);
    house.leases.sweep().await;
    assert!(held.upgrade().is_none(), "the keys are dropped, and with that wiped");
    assert_ne!(house.leases.generation(tenant), generation);
}

#[tokio::test]
async fn a_lease_in_use_is_renewed_before_it_ends() {
    let house = House::new();
    let tenant = house.tenant("a").await;
    house.leases.index(tenant).await.unwrap();
    for _round in 0..10 {
        house.leases.index(tenant).await.unwrap();
        house.monotonic.advance(LIFE * 7 / 10);
        house.leases.sweep().await;
    }
    assert_eq!(house.leases.generation(tenant), 0, "nothing was taken away in between");
    assert_eq!(house.asked(), 11);
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_lease_to_its_end_and_is_tried_again() {
    let house = House::new();
    let tenant = house.tenant("a").await;
    house.leases.index(tenant).await.unwrap();
    house.take_root_away();
    house.leases.index(tenant).await.unwrap();
    house.monotonic.advance(LIFE * 8 / 10);
    house.leases.sweep().await;
    house.leases.index(tenant).await.unwrap();
    house.bring_root_back();
    house.monotonic.advance(LIFE / 10);
    house.leases.sweep().await;
    house.monotonic.advance(LIFE / 2);
    house.engine.is_down.store(true, Ordering::SeqCst);
    house.leases.index(tenant).await.unwrap();
}

#[tokio::test]
async fn many_who_wait_ask_once_and_share_the_answer() {
    let house = House::new();
    let tenant = house.tenant("a").await;
    let all = |leases: Leases| {
        let ask = move |_| {
            let leases = leases.clone();
            tokio::spawn(async move { leases.index(tenant).await.map(drop) })
        };
        (0..50).map(ask).collect::<Vec<_>>()
    };
    let closed = house.engine.gate.lock().await;
    let waiting = all(house.leases.clone());
    tokio::task::yield_now().await;
    drop(closed);
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(house.asked(), 1);

    house.leases.purge(tenant);
    house.engine.is_down.store(true, Ordering::SeqCst);
    let closed = house.engine.gate.lock().await;
    let waiting = all(house.leases.clone());
    for _turn in 0..60 {
        tokio::task::yield_now().await;
    }
    drop(closed);
    for answer in waiting {
        assert!(matches!(answer.await.unwrap(), Err(LeaseError::Engine(_))));
    }
    assert_eq!(house.asked(), 2, "a root that does not answer is not asked once for each");
}

#[tokio::test]
async fn a_purge_takes_keys_away_at_once_and_ends_open_streams() {
    let house = House::new();
    let (tenant, other) = (house.tenant("a").await, house.tenant("b").await);
    let held = Arc::downgrade(&house.leases.data(tenant).await.unwrap());
    let (watch, unconcerned) = (house.leases.watch(tenant), house.leases.watch(other));
    watch.check().await.unwrap();
    house.leases.purge(tenant);
    assert!(held.upgrade().is_none());
    assert!(watch.is_withdrawn());
    assert!(matches!(watch.check().await, Err(LeaseError::Withdrawn { .. })));
    house.leases.data(tenant).await.unwrap();
    assert!(matches!(watch.check().await, Err(LeaseError::Withdrawn { .. })), "new keys do not revive an old stream");
    house.leases.watch(tenant).check().await.unwrap();
    unconcerned.check().await.unwrap();
}

#[tokio::test]
async fn keys_that_arrive_after_a_purge_are_not_held() {
    let house = House::new();
    let tenant = house.tenant("a").await;
    let closed = house.engine.gate.lock().await;
    let leases = house.leases.clone();
    let asking = tokio::spawn(async move { leases.data(tenant).await.map(drop) });
    while house.asked() == 0 {
        tokio::task::yield_now().await;
    }
    house.leases.purge(tenant);
    drop(closed);
    assert!(matches!(asking.await.unwrap(), Err(LeaseError::Withdrawn { .. })));
    house.leases.data(tenant).await.unwrap();
}

#[tokio::test]
async fn a_long_stream_outlives_a_lease_if_the_root_agrees_and_ends_if_not() {
    let house = House::new();
    let tenant = house.tenant("a").await;
    house.leases.data(tenant).await.unwrap();
    let watch = house.leases.watch(tenant);
    for _round in 0..5 {
        house.monotonic.advance(LIFE * 9 / 10);
        house.leases.sweep().await;
    }
    watch.check().await.unwrap();
    house.take_root_away();
    house.monotonic.advance(LIFE);
    assert!(watch.check().await.is_err());
    house.bring_root_back();
    assert!(matches!(watch.check().await, Err(LeaseError::Withdrawn { .. })));
}

#[tokio::test]
async fn a_wrapped_key_opens_only_for_its_tenant_purpose_and_version() {
    let house = House::new();
    let (a, b) = (house.tenant("a").await, house.tenant("b").await);
    let original = house.engine.keks.lock().unwrap().clone();
    let of = |tenant, purpose| original.iter().find(|row| row.tenant == tenant && row.purpose == purpose).unwrap().clone();
    let try_with = |change: &dyn Fn(&mut hozon::engine::KekRow)| {
        let mut row = of(a, KekPurpose::Data);
        change(&mut row);
        let rest = original.iter().filter(|row| row.tenant != a || row.purpose != KekPurpose::Data).cloned();
        *house.engine.keks.lock().unwrap() = rest.chain([row]).collect();
    };
    let damaged = async || matches!(house.leases.data(a).await, Err(LeaseError::Damaged { .. }));

    try_with(&|row| row.wrapped = of(b, KekPurpose::Data).wrapped);
    assert!(damaged().await, "another tenant's");
    try_with(&|row| row.wrapped = of(a, KekPurpose::Index).wrapped);
    assert!(damaged().await, "another purpose's");
    try_with(&|row| row.version = 2);
    assert!(damaged().await, "another version's");
    try_with(&|row| row.wrapped[40] ^= 1);
    assert!(damaged().await, "altered");
    try_with(&|row| row.provider = "transit".to_owned());
    assert!(matches!(house.leases.data(a).await, Err(LeaseError::OtherProvider { .. })));
    try_with(&|row| row.state = KekState::DecryptOnly);
    assert!(matches!(house.leases.data(a).await, Err(LeaseError::NotOneActive { .. })));
    try_with(&|_| ());
    house.leases.data(a).await.unwrap();
    assert!(matches!(house.leases.data(TenantId::random()).await, Err(LeaseError::NoTenant { .. })));
}

#[tokio::test]
async fn two_tenants_share_neither_tokens_nor_names_nor_keys() {
    let house = House::new();
    let (a, b) = (house.tenant("a").await, house.tenant("b").await);
    let (a, b) = (house.leases.index(a).await.unwrap(), house.leases.index(b).await.unwrap());
    let (bucket, entry) = (BucketId::random(), EntryId::random());
    let token = a.token(TokenKind::Directory, bucket.as_bytes(), b"");
    assert_ne!(token, b.token(TokenKind::Directory, bucket.as_bytes(), b""));
    let sealed = a.active().name_key(bucket, &token).seal_name(bucket, &token.0, entry, "x").unwrap();
    assert!(a.active().name_key(bucket, &token).open_name(bucket, &token.0, entry, &sealed).is_ok());
    assert!(b.active().name_key(bucket, &token).open_name(bucket, &token.0, entry, &sealed).is_err());
    assert_ne!(a.active().row_mac.mac(&[]), b.active().row_mac.mac(&[]));
}

#[tokio::test]
async fn debug_shows_no_key() {
    let house = House::new();
    let tenant = house.tenant("a").await;
    let index = house.leases.index(tenant).await.unwrap();
    assert_eq!(format!("{index:?} {:?}", index.active()), "IndexKeys(…) IndexKey(…)");
    assert_eq!(format!("{:?}", house.leases), "Leases(life 900s)");
    assert_eq!(format!("{:?}", house.leases.data(tenant).await.unwrap()), "DataKeys(…)");
}
