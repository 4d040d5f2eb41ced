//! What tenants lay down about access: newer rows are found by their marks, and nobody overwrites what they have not seen.

use crate::rows::events_of;
use hozon::domain::{DirectiveKind, TenantId};
use hozon::engine::{Changed, DirectiveRow, Engine, Events, RowMac, Token};
use std::sync::Arc;

pub(crate) fn directive(tenant: TenantId, name: u8, revision: u64) -> DirectiveRow {
    DirectiveRow {
        tenant,
        kind: DirectiveKind::Patient,
        name: Token([name; 32]),
        kek_version: 1,
        sealed: vec![name; 4],
        mark: 0,
        revision,
        mac: RowMac([7; 32]),
    }
}

async fn names(engine: &Arc<dyn Engine>, tenant: TenantId, after: u64) -> Vec<(u64, u8, u64)> {
    let rows = engine.directives(tenant, after, 100).await.unwrap();
    rows.iter().map(|row| (row.mark, row.name.0[0], row.revision)).collect()
}

pub(crate) async fn what_is_laid_down_is_found_by_its_mark(engine: Arc<dyn Engine>) {
    let (one, two) = (TenantId::random(), TenantId::random());
    let put = async |rows: Vec<DirectiveRow>| engine.put_directives(rows, Events::default()).await.unwrap();
    assert_eq!(put(vec![directive(one, 1, 1), directive(one, 2, 1)]).await, Changed::Done);
    assert_eq!(put(vec![directive(two, 1, 1)]).await, Changed::Done);
    assert_eq!(names(&engine, one, 0).await, [(1, 1, 1), (2, 2, 1)]);
    assert_eq!(put(vec![directive(one, 1, 2)]).await, Changed::Done);
    assert_eq!(names(&engine, one, 2).await, [(3, 1, 2)]);
    assert_eq!(names(&engine, one, 0).await, [(2, 2, 1), (3, 1, 2)]);
    assert_eq!(names(&engine, two, 0).await, [(1, 1, 1)]);
    assert_eq!(engine.directives(one, 0, 1).await.unwrap().len(), 1);
}

pub(crate) async fn nobody_overwrites_what_they_have_not_seen(engine: Arc<dyn Engine>) {
    let one = TenantId::random();
    let put = async |rows: Vec<DirectiveRow>| engine.put_directives(rows, events_of(one, 1)).await.unwrap();
    assert_eq!(put(vec![directive(one, 1, 1)]).await, Changed::Done);
    for stale in [directive(one, 1, 1), directive(one, 1, 3)] {
        assert_eq!(put(vec![directive(one, 9, 1), stale]).await, Changed::Conflict);
    }
    // Neither the first of the two nor the event of what did not happen is there.
    assert_eq!(names(&engine, one, 0).await, [(1, 1, 1)]);
    assert_eq!(engine.events(one, None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn marks_follow_one_another_whoever_lays_down(engine: Arc<dyn Engine>) {
    let one = TenantId::random();
    let all = (1..=20).map(|name| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { engine.put_directives(vec![directive(one, name, 1)], Events::default()).await })
    });
    for put in all.collect::<Vec<_>>() {
        assert_eq!(put.await.unwrap().unwrap(), Changed::Done);
    }
    let marks: Vec<_> = names(&engine, one, 0).await.into_iter().map(|(mark, ..)| mark).collect();
    assert_eq!(marks, (1..=20).collect::<Vec<_>>());
}
