use super::AdminServices;
use super::problem::Problem;
use super::route::{Answered, json};
use super::wire::{Dependency, Readiness};
use crate::blob::{BlobError, BlobStore};
use crate::domain::{BlobId, Location, Standing, TenantId, causes};
use crate::upkeep::Agreement;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Full;
use std::time::Duration;

/// The one dependency that serving does not need.
const COLLECTOR: &str = "collector";
/// Of these two one is enough to read from.
const STORE: &str = "store";
const REPLICA: &str = "replica";
/// How long each dependency may take to answer.
const WITHIN: Duration = Duration::from_secs(3);

/// `GET /readyz`: each dependency by itself.
pub(super) async fn ready(services: &AdminServices) -> Answered {
    let dependencies = dependencies(services).await;
    let ready = can_serve(&dependencies);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &Readiness { ready, dependencies })
}

/// Whether every dependency is there.
pub(super) async fn is_ready(services: &AdminServices) -> bool {
    can_serve(&dependencies(services).await)
}

/// Without its collector it can: bodies that nobody names only wait. While one of two stores is away it can read; taking
/// every gateway out of service would take that away too.
fn can_serve(dependencies: &[Dependency]) -> bool {
    let is_store = |dependency: &&Dependency| dependency.name == STORE || dependency.name == REPLICA;
    dependencies.iter().filter(is_store).any(|store| store.ready)
        && dependencies.iter().filter(|one| !is_store(one)).all(|one| one.ready || one.name == COLLECTOR)
}

async fn dependencies(services: &AdminServices) -> Vec<Dependency> {
    let asked = asked(services).await.into_iter();
    asked.map(|(name, problem)| Dependency { name: name.to_owned(), ready: problem.is_none(), problem }).collect()
}

/// What is wrong with the replica; nothing at all where there is none.
async fn replica(services: &AdminServices) -> Option<Option<String>> {
    let problem = store(services, services.blobs.from_replica()?).await;
    let stranger = || "it is not known to be one of this store: nothing is written to it".to_owned();
    Some(problem.or_else(|| services.blobs.admitted_replica().is_none().then(stranger)))
}

/// What the gateway needs, each with what is wrong with it.
async fn asked(services: &AdminServices) -> Vec<(&'static str, Option<String>)> {
    let (index, store, replica, keys, collector) =
        tokio::join!(index(services), store(services, services.blobs.from_first()), replica(services), keys(services), collector(services));
    let mut all = vec![("index", index), (STORE, store)];
    all.extend(replica.map(|problem| (REPLICA, problem)));
    all.extend([("keys", keys), (COLLECTOR, collector)]);
    all
}

/// `GET /metrics`. What the gateway needs is asked first.
pub(super) async fn metrics(services: &AdminServices) -> Answered {
    for (name, problem) in asked(services).await {
        match problem {
            None => services.meters.dependency_up(name),
            Some(_) => services.meters.dependency_down(name),
        }
    }
    let page = services.meters.render().map_err(|_| Problem::bad("a meter has no text form"))?;
    let mut answer = Response::new(Full::<Bytes>::from(page));
    let kind = header::HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(answer)
}

async fn index(services: &AdminServices) -> Option<String> {
    services.engine.probe(WITHIN).await.err().map(|error| error.to_string())
}

/// A store that can say that a blob is missing is there.
async fn store(services: &AdminServices, blobs: BlobStore) -> Option<String> {
    let nobody = TenantId::from_bytes([0; 16]);
    let absent = Location { blob: BlobId::random(nobody, services.clock.now().day()), offset: 0, length: 1 };
    match tokio::time::timeout(WITHIN, blobs.read(&absent, 0..1)).await {
        Ok(Ok(_) | Err(BlobError::Missing { .. })) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("the store does not answer".to_owned()),
    }
}

/// Whether bodies that no row names may be collected: not with an index that is not the store's newest.
async fn collector(services: &AdminServices) -> Option<String> {
    match tokio::time::timeout(WITHIN, services.pairing.look()).await {
        Ok(Ok(Agreement::Current(_))) => None,
        Ok(Ok(Agreement::Behind { index, seen })) => {
            let index = index.generation;
            Some(format!("held: the index is at generation {index}, the store has seen {seen}; see `hozon store show`"))
        }
        Ok(Err(error)) => Some(causes(&error)),
        Err(_) => Some("the store does not answer".to_owned()),
    }
}

/// The keys of one tenant in service stand for the root that wraps them all.
async fn keys(services: &AdminServices) -> Option<String> {
    let tenants = match services.engine.tenants().await {
        Ok(tenants) => tenants,
        Err(error) => return Some(error.to_string()),
    };
    let one = tenants.into_iter().find(|tenant| tenant.standing == Standing::Active)?;
    match tokio::time::timeout(WITHIN, services.leases.audit(one.id)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("the root key does not answer".to_owned()),
    }
}
