//! Tenants and their keys, principals and their credentials.

use crate::rows::{access_key, events_of, kek, mac, principal, secret, tenant};
use hozon::domain::{KekPurpose, Standing, TenantId};
use hozon::engine::{AccessKeyRow, Changed, Engine, Events, PrincipalRow, SecretKind};
use std::sync::Arc;

pub(crate) async fn a_tenant_comes_with_its_keys_and_secrets(engine: Arc<dyn Engine>) {
    let row = tenant("hospital-a");
    let keks: Vec<_> = KekPurpose::ALL.into_iter().map(|purpose| kek(row.id, purpose, 1)).collect();
    let made = engine.create_tenant(row.clone(), keks.clone(), vec![secret(row.id, 1)], events_of(row.id, 1)).await.unwrap();
    assert_eq!(made, Changed::Done);
    assert_eq!(engine.tenant(row.id).await.unwrap(), Some(row.clone()));
    assert_eq!(engine.events(row.id, None, 10).await.unwrap().len(), 1);
    assert_eq!(engine.tenant(TenantId::random()).await.unwrap(), None);
    for wanted in keks {
        assert_eq!(engine.keks(row.id, wanted.purpose).await.unwrap(), vec![wanted]);
    }
    assert_eq!(engine.secrets(row.id, SecretKind::Token).await.unwrap(), vec![secret(row.id, 1)]);
}

pub(crate) async fn key_versions_come_oldest_first(engine: Arc<dyn Engine>) {
    let row = tenant("hospital-a");
    let keks: Vec<_> = [3, 1, 2].map(|version| kek(row.id, KekPurpose::Data, version)).into();
    engine.create_tenant(row.clone(), keks, vec![secret(row.id, 2), secret(row.id, 1)], Events::default()).await.unwrap();
    let versions: Vec<u32> = engine.keks(row.id, KekPurpose::Data).await.unwrap().iter().map(|kek| kek.version).collect();
    let epochs: Vec<u32> = engine.secrets(row.id, SecretKind::Token).await.unwrap().iter().map(|secret| secret.epoch).collect();
    assert_eq!((versions, epochs), (vec![1, 2, 3], vec![1, 2]));
}

pub(crate) async fn a_tenant_whose_name_is_taken_leaves_nothing_behind(engine: Arc<dyn Engine>) {
    let (first, second) = (tenant("same"), tenant("same"));
    engine.create_tenant(first.clone(), Vec::new(), Vec::new(), Events::default()).await.unwrap();
    let again =
        engine.create_tenant(second.clone(), vec![kek(second.id, KekPurpose::Data, 1)], Vec::new(), events_of(second.id, 1)).await.unwrap();
    assert_eq!(again, Changed::Conflict);
    assert_eq!(engine.tenants().await.unwrap(), vec![first]);
    assert_eq!(engine.keks(second.id, KekPurpose::Data).await.unwrap(), Vec::new());
    assert!(engine.events(second.id, None, 10).await.unwrap().is_empty());
}

pub(crate) async fn tenants_are_listed_by_name(engine: Arc<dyn Engine>) {
    for name in ["b", "c", "a"] {
        engine.create_tenant(tenant(name), Vec::new(), Vec::new(), Events::default()).await.unwrap();
    }
    let names: Vec<String> = engine.tenants().await.unwrap().into_iter().map(|tenant| tenant.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

pub(crate) async fn a_tenant_can_be_disabled_with_its_event(engine: Arc<dyn Engine>) {
    let row = tenant("hospital-a");
    engine.create_tenant(row.clone(), Vec::new(), Vec::new(), Events::default()).await.unwrap();
    let changed = engine.set_tenant_standing(row.id, Standing::Disabled, events_of(row.id, 1)).await.unwrap();
    assert_eq!(changed, Changed::Done);
    assert_eq!(engine.tenant(row.id).await.unwrap().unwrap().standing, Standing::Disabled);
    assert_eq!(engine.events(row.id, None, 10).await.unwrap().len(), 1);
    let missing = TenantId::random();
    let refused = engine.set_tenant_standing(missing, Standing::Disabled, events_of(missing, 1)).await.unwrap();
    assert_eq!(refused, Changed::Conflict);
    assert!(engine.events(missing, None, 10).await.unwrap().is_empty());
}

pub(crate) async fn principals_are_unique_by_name_within_a_tenant_only(engine: Arc<dyn Engine>) {
    let (one, other) = (tenant("one"), tenant("other"));
    for row in [&one, &other] {
        engine.create_tenant(row.clone(), Vec::new(), Vec::new(), Events::default()).await.unwrap();
    }
    let (sato, suzuki) = (principal(one.id, "sato"), principal(one.id, "suzuki"));
    assert_eq!(engine.create_principal(suzuki.clone(), Events::default()).await.unwrap(), Changed::Done);
    assert_eq!(engine.create_principal(sato.clone(), Events::default()).await.unwrap(), Changed::Done);
    let again = engine.create_principal(principal(one.id, "sato"), events_of(one.id, 1)).await.unwrap();
    assert_eq!(again, Changed::Conflict);
    assert!(engine.events(one.id, None, 10).await.unwrap().is_empty());
    let elsewhere = principal(other.id, "sato");
    assert_eq!(engine.create_principal(elsewhere.clone(), Events::default()).await.unwrap(), Changed::Done);
    assert_eq!(engine.principals(one.id).await.unwrap(), vec![sato, suzuki]);
    assert_eq!(engine.principals(other.id).await.unwrap(), vec![elsewhere]);
}

pub(crate) async fn a_principal_changes_only_from_the_revision_that_was_seen(engine: Arc<dyn Engine>) {
    let row = tenant("hospital-a");
    engine.create_tenant(row.clone(), Vec::new(), Vec::new(), Events::default()).await.unwrap();
    let first = principal(row.id, "sato");
    engine.create_principal(first.clone(), Events::default()).await.unwrap();
    let second = PrincipalRow {
        standing: Standing::Disabled,
        sealed_profile: vec![1],
        kek_version: 2,
        revision: 2,
        mac: mac("second"),
        ..first.clone()
    };
    assert_eq!(engine.update_principal(second.clone(), events_of(row.id, 1)).await.unwrap(), Changed::Done);
    assert_eq!(engine.update_principal(second.clone(), events_of(row.id, 1)).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.principals(row.id).await.unwrap(), vec![second]);
    assert_eq!(engine.events(row.id, None, 10).await.unwrap().len(), 1);
    let missing = PrincipalRow { revision: 2, ..principal(row.id, "nobody") };
    assert_eq!(engine.update_principal(missing, Events::default()).await.unwrap(), Changed::Conflict);
}

pub(crate) async fn a_credential_brings_its_principal_and_tenant(engine: Arc<dyn Engine>) {
    let row = tenant("hospital-c");
    engine.create_tenant(row.clone(), Vec::new(), Vec::new(), Events::default()).await.unwrap();
    let person = principal(row.id, "sato");
    engine.create_principal(person.clone(), Events::default()).await.unwrap();
    let key = access_key(&person, "HZ1");
    assert_eq!(engine.create_access_key(key.clone(), Events::default()).await.unwrap(), Changed::Done);
    let found = engine.credential("HZ1").await.unwrap().unwrap();
    assert_eq!((found.key, found.principal, found.tenant), (key, person, row));
    assert!(engine.credential("HZ2").await.unwrap().is_none());
}

pub(crate) async fn an_access_key_is_unique_over_all_tenants(engine: Arc<dyn Engine>) {
    let (one, other) = (tenant("one"), tenant("other"));
    let (sato, suzuki) = (principal(one.id, "sato"), principal(other.id, "suzuki"));
    for (tenant, person) in [(&one, &sato), (&other, &suzuki)] {
        engine.create_tenant(tenant.clone(), Vec::new(), Vec::new(), Events::default()).await.unwrap();
        engine.create_principal(person.clone(), Events::default()).await.unwrap();
    }
    engine.create_access_key(access_key(&sato, "HZ1"), Events::default()).await.unwrap();
    let taken = engine.create_access_key(access_key(&suzuki, "HZ1"), events_of(other.id, 1)).await.unwrap();
    assert_eq!(taken, Changed::Conflict);
    assert_eq!(engine.credential("HZ1").await.unwrap().unwrap().tenant.id, one.id);
    assert!(engine.access_keys(other.id, None).await.unwrap().is_empty());
}

pub(crate) async fn access_keys_are_listed_by_tenant_and_principal(engine: Arc<dyn Engine>) {
    let row = tenant("hospital-a");
    engine.create_tenant(row.clone(), Vec::new(), Vec::new(), Events::default()).await.unwrap();
    let (sato, suzuki) = (principal(row.id, "sato"), principal(row.id, "suzuki"));
    for person in [&sato, &suzuki] {
        engine.create_principal(person.clone(), Events::default()).await.unwrap();
    }
    for (person, id) in [(&suzuki, "C"), (&sato, "B"), (&suzuki, "A")] {
        engine.create_access_key(access_key(person, id), Events::default()).await.unwrap();
    }
    let ids = |rows: Vec<AccessKeyRow>| rows.into_iter().map(|row| row.access_key).collect::<Vec<_>>();
    assert_eq!(ids(engine.access_keys(row.id, None).await.unwrap()), ["A", "B", "C"]);
    assert_eq!(ids(engine.access_keys(row.id, Some(suzuki.id)).await.unwrap()), ["A", "C"]);
}

pub(crate) async fn an_access_key_changes_only_from_the_revision_that_was_seen(engine: Arc<dyn Engine>) {
    let row = tenant("hospital-a");
    engine.create_tenant(row.clone(), Vec::new(), Vec::new(), Events::default()).await.unwrap();
    let person = principal(row.id, "sato");
    engine.create_principal(person.clone(), Events::default()).await.unwrap();
    let first = AccessKeyRow { expires: None, ..access_key(&person, "HZ1") };
    engine.create_access_key(first.clone(), Events::default()).await.unwrap();
    let second = AccessKeyRow { standing: Standing::Disabled, revision: 2, mac: mac("second"), ..first.clone() };
    assert_eq!(engine.update_access_key(second.clone(), events_of(row.id, 1)).await.unwrap(), Changed::Done);
    assert_eq!(engine.update_access_key(second.clone(), events_of(row.id, 1)).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.credential("HZ1").await.unwrap().unwrap().key, second);
    assert_eq!(engine.events(row.id, None, 10).await.unwrap().len(), 1);
}
