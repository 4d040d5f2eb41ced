//! Long jobs: held by one node at a time, taken over where they stood, written only by whoever holds them.

use crate::rows::{NOW, events_of, later};
use hozon::domain::{NodeId, TenantId};
use hozon::engine::{Changed, Engine, Events, JobKind, JobOrder, JobProgress, JobRow, JobSave, JobWanted};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const KIND: JobKind = JobKind::Scrub;
const LONG: Duration = Duration::from_secs(3_600);

/// Of a node that has died: a lease that has ended by whichever clock it runs on.
const ENDED: Duration = Duration::ZERO;

async fn take(engine: &Arc<dyn Engine>, node: NodeId, lease: Duration) -> Option<JobRow> {
    engine.take_job(KIND, node, lease).await.unwrap()
}

fn progress(step: u8) -> JobProgress {
    JobProgress { cursor: vec![step; 65], report: vec![b'{', step], started: Some(NOW), finished: None, last_full: Some(later(-9)) }
}

fn save(of: &JobRow, lease: Option<Duration>, step: u8) -> JobSave {
    JobSave { token: of.token, lease, answered: of.asked, progress: progress(step) }
}

async fn saved(engine: &Arc<dyn Engine>, save: JobSave) -> Option<JobRow> {
    engine.save_job(KIND, save, Events::default()).await.unwrap()
}

pub(crate) async fn of_two_nodes_that_want_a_job_one_gets_it(engine: Arc<dyn Engine>) {
    let (one, other) = (NodeId::random(), NodeId::random());
    assert_eq!(engine.job(KIND).await.unwrap(), None);
    let row = take(&engine, one, LONG).await.unwrap();
    assert_eq!((row.holder, row.is_held, row.wanted, row.asked), (Some(one), true, JobWanted::Work, 0));
    assert_eq!(row.progress, JobProgress::default());
    assert_eq!(take(&engine, other, LONG).await, None);
    assert_eq!(take(&engine, one, LONG).await, None, "nor does one node do it twice");
    assert_eq!(engine.job(KIND).await.unwrap(), Some(row));
}

pub(crate) async fn of_many_that_want_a_job_at_once_one_gets_it(engine: Arc<dyn Engine>) {
    for round in 1..=5_u64 {
        let mut nodes = JoinSet::new();
        for _node in 0..8 {
            let engine = Arc::clone(&engine);
            nodes.spawn(async move { take(&engine, NodeId::random(), LONG).await });
        }
        let got: Vec<JobRow> = nodes.join_all().await.into_iter().flatten().collect();
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].token, round);
        saved(&engine, save(&got[0], None, 0)).await.unwrap();
    }
}

pub(crate) async fn a_dead_nodes_job_is_taken_over_where_it_stood(engine: Arc<dyn Engine>) {
    let (dead, next) = (NodeId::random(), NodeId::random());
    let first = take(&engine, dead, LONG).await.unwrap();
    let row = saved(&engine, save(&first, Some(LONG), 1)).await.unwrap();
    assert!(row.is_held && row.lease_end >= first.lease_end);
    assert_eq!(take(&engine, next, LONG).await, None);
    let row = saved(&engine, save(&first, Some(ENDED), 2)).await.unwrap();
    assert!(!row.is_held);
    assert_eq!(row.holder, Some(dead), "whoever died did not give it back");
    let row = take(&engine, next, LONG).await.unwrap();
    assert_eq!((row.holder, row.is_held), (Some(next), true));
    assert!(row.token > first.token);
    assert_eq!(row.progress, progress(2));
}

pub(crate) async fn what_an_earlier_holder_writes_is_refused_with_its_events(engine: Arc<dyn Engine>) {
    let tenant = TenantId::random();
    let write = async |of: &JobRow, lease, step| engine.save_job(KIND, save(of, lease, step), events_of(tenant, 1)).await.unwrap();
    let slow = take(&engine, NodeId::random(), ENDED).await.unwrap();
    assert!(write(&slow, Some(ENDED), 1).await.is_some(), "a lease that has ended is renewed as long as nobody else came");
    let next = take(&engine, NodeId::random(), LONG).await.unwrap();
    assert_eq!(write(&slow, Some(LONG), 2).await, None);
    assert_eq!(write(&slow, None, 3).await, None);
    assert_eq!(engine.job(KIND).await.unwrap(), Some(next.clone()));
    assert!(write(&next, None, 4).await.is_some());
    assert_eq!(write(&next, Some(LONG), 5).await, None, "what was given back is no longer one's own");
    assert_eq!(engine.job(KIND).await.unwrap().unwrap().progress, progress(4));
    assert_eq!(engine.events(tenant, None, 10).await.unwrap().len(), 2, "events of what was written, and of nothing else");
}

pub(crate) async fn a_job_that_was_given_back_is_free_at_once(engine: Arc<dyn Engine>) {
    let first = take(&engine, NodeId::random(), LONG).await.unwrap();
    let back = JobProgress { finished: Some(later(5)), ..progress(7) };
    let row = saved(&engine, JobSave { progress: back.clone(), ..save(&first, None, 0) }).await.unwrap();
    assert_eq!((row.holder, row.is_held), (None, false));
    let next = take(&engine, NodeId::random(), LONG).await.unwrap();
    assert_eq!(next.progress, back);
}

pub(crate) async fn a_job_rests_and_starts_as_operators_say(engine: Arc<dyn Engine>) {
    let order = async |order| engine.order_job(KIND, order).await.unwrap();
    assert_eq!(order(JobOrder::Resume).await, Changed::Conflict);
    assert_eq!(order(JobOrder::Start).await, Changed::Done);
    assert_eq!(order(JobOrder::Start).await, Changed::Conflict, "asked twice is asked once");
    let row = take(&engine, NodeId::random(), LONG).await.unwrap();
    assert_eq!((row.asked, row.answered, row.wanted), (1, 0, JobWanted::Work));
    assert_eq!(order(JobOrder::Pause).await, Changed::Done);
    assert_eq!(order(JobOrder::Pause).await, Changed::Conflict);
    let row = saved(&engine, save(&row, Some(LONG), 1)).await.unwrap();
    assert_eq!((row.asked, row.answered, row.wanted), (1, 1, JobWanted::Rest), "whoever holds it learns of it with the next save");
    assert_eq!(order(JobOrder::Start).await, Changed::Conflict, "what rests does not start");
    assert_eq!(order(JobOrder::Resume).await, Changed::Done);
    assert_eq!(order(JobOrder::Start).await, Changed::Done);
    let row = engine.job(KIND).await.unwrap().unwrap();
    assert_eq!((row.asked, row.answered, row.wanted), (2, 1, JobWanted::Work));
}
