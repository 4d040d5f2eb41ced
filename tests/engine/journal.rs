//! Audit events, their keys, and the provider's own counts.

use crate::buckets::with_bucket;
use crate::rows::{NOW, event, event_key, events_of, later, tenant};
use hozon::domain::{EventKeyId, TenantId};
use hozon::engine::{Engine, EventKeyRow, Events, JournalRow, ProviderLogRow};
use std::sync::Arc;
use std::time::Duration;

pub(crate) async fn events_come_newest_first_and_in_pages(engine: Arc<dyn Engine>) {
    let (mine, theirs) = (tenant("mine").id, tenant("theirs").id);
    let rows: Vec<JournalRow> = (0..5).map(|_| event(mine)).collect();
    for row in &rows {
        engine.append(Events { rows: vec![row.clone(), event(theirs)], keys: Vec::new() }).await.unwrap();
    }
    let first = engine.events(mine, None, 3).await.unwrap();
    let second = engine.events(mine, Some(first[2].0), 3).await.unwrap();
    let seen: Vec<JournalRow> = first.iter().chain(&second).map(|(_, row)| row.clone()).collect();
    assert_eq!(seen, rows.into_iter().rev().collect::<Vec<_>>());
    assert_eq!(engine.events(mine, Some(second[1].0), 3).await.unwrap(), []);
    assert_eq!(engine.events(theirs, None, 10).await.unwrap().len(), 5);
}

pub(crate) async fn an_event_that_comes_again_changes_nothing(engine: Arc<dyn Engine>) {
    let row = event(TenantId::random());
    engine.append(Events { rows: vec![row.clone()], keys: Vec::new() }).await.unwrap();
    let forged = JournalRow { sealed: vec![0; 8], leaf_hash: [0; 32], ..row.clone() };
    engine.append(Events { rows: vec![forged, row.clone()], keys: Vec::new() }).await.unwrap();
    let stored: Vec<JournalRow> = engine.events(row.tenant, None, 10).await.unwrap().into_iter().map(|(_, row)| row).collect();
    assert_eq!(stored, vec![row]);
}

pub(crate) async fn an_event_key_is_written_once_with_its_first_event(engine: Arc<dyn Engine>) {
    let key = event_key(TenantId::random());
    let row = JournalRow { event_key: key.id, ..event(key.tenant) };
    engine.append(Events { rows: vec![row], keys: vec![key.clone()] }).await.unwrap();
    engine.append(Events { rows: Vec::new(), keys: vec![EventKeyRow { wrapped: vec![0], ..key.clone() }] }).await.unwrap();
    assert_eq!(engine.event_key(key.tenant, key.id).await.unwrap(), Some(key.clone()));
    assert_eq!(engine.event_key(TenantId::random(), key.id).await.unwrap(), None);
    assert_eq!(engine.event_key(key.tenant, EventKeyId::random()).await.unwrap(), None);
}

pub(crate) async fn an_empty_append_is_nothing(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    engine.append(Events::default()).await.unwrap();
    assert!(engine.events(bucket.tenant, None, 10).await.unwrap().is_empty());
    engine.append(events_of(bucket.tenant, 600)).await.unwrap();
    assert_eq!(engine.events(bucket.tenant, None, 1_000).await.unwrap().len(), 600);
}

pub(crate) async fn counts_of_strangers_add_up(engine: Arc<dyn Engine>) {
    let row = |minute: i64, network: &str, count| ProviderLogRow {
        minute: later(minute * 60),
        reason: "unknown-access-key".to_owned(),
        network: network.to_owned(),
        count,
    };
    engine.add_provider_log(vec![row(0, "192.0.2.0/24", 3), row(1, "192.0.2.0/24", 1)]).await.unwrap();
    engine.add_provider_log(vec![row(0, "192.0.2.0/24", 4), row(0, "2001:db8::/48", 1)]).await.unwrap();
    let wanted = vec![row(1, "192.0.2.0/24", 1), row(0, "192.0.2.0/24", 7), row(0, "2001:db8::/48", 1)];
    assert_eq!(engine.provider_log(10).await.unwrap(), wanted);
    assert_eq!(engine.provider_log(1).await.unwrap(), wanted[..1]);
}

pub(crate) async fn a_probe_says_that_writes_succeed(engine: Arc<dyn Engine>) {
    engine.probe(Duration::from_secs(10)).await.unwrap();
    assert!(NOW < later(1));
}
