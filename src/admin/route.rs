use super::problem::Problem;
use super::{AdminServices, backup, buckets, credentials, health, principals, scrub, store, tenants};
use crate::audit::Operator;
use crate::domain::limits;
use crate::engine::JobOrder;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a request got: a status and a document.
pub(super) type Answered = Result<Response<Full<Bytes>>, Problem>;

/// A request of an operator, with its body read.
pub(super) struct Asked<'a> {
    pub(super) services: &'a AdminServices,
    pub(super) operator: &'a Operator,
    query: Option<String>,
    document: Bytes,
}

impl Asked<'_> {
    /// The request's document.
    pub(super) fn document<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.document).map_err(|error| Problem::bad(format!("the request document is not understood: {error}")))
    }

    /// The one query parameter `name`, where it is given; any other is refused.
    pub(super) fn parameter(&self, name: &str) -> Result<Option<String>, Problem> {
        let mut found = None;
        for pair in self.query.iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some((key, value)) if key == name => found = Some(decoded(value)?),
                _ => return Err(Problem::bad(format!("the only parameter here is `{name}`"))),
            }
        }
        Ok(found)
    }
}

/// Answers one request.
pub(super) async fn answer(services: &AdminServices, operator: &Operator, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let routed = async {
        let read = Limited::new(body, limits::DOCUMENT_BYTES_MAX).collect().await;
        let document = read.map_err(|_| Problem::too_large())?.to_bytes();
        let asked = Asked { services, operator, query: parts.uri.query().map(str::to_owned), document };
        let path = parts.uri.path().split('/').skip(1).map(decoded).collect::<Result<Vec<_>, _>>()?;
        route(&asked, &parts.method, &path.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    routed.await.unwrap_or_else(|problem| problem.answer())
}

async fn route(asked: &Asked<'_>, method: &Method, path: &[&str]) -> Answered {
    match (method.as_str(), path) {
        ("GET", ["healthz"]) => Ok(Response::new(Full::from("ok\n"))),
        ("GET", ["readyz"]) => health::ready(asked.services).await,
        ("GET", ["metrics"]) => health::metrics(asked.services).await,
        ("GET", ["v1", "store"]) => store::show(asked).await,
        ("POST", ["v1", "store", "accept"]) => store::accept(asked).await,
        ("GET", ["v1", "backup"]) => backup::show(asked).await,
        ("POST", ["v1", "backup", "now"]) => backup::now(asked).await,
        ("GET", ["v1", "scrub"]) => scrub::show(asked).await,
        ("POST", ["v1", "scrub", "start"]) => scrub::order(asked, JobOrder::Start).await,
        ("POST", ["v1", "scrub", "pause"]) => scrub::order(asked, JobOrder::Pause).await,
        ("POST", ["v1", "scrub", "resume"]) => scrub::order(asked, JobOrder::Resume).await,
        ("GET", ["v1", "tenants"]) => tenants::list(asked).await,
        ("POST", ["v1", "tenants"]) => tenants::create(asked).await,
        ("GET", ["v1", "tenants", tenant]) => tenants::show(asked, tenant).await,
        ("POST", ["v1", "tenants", tenant, "disable"]) => tenants::disable(asked, tenant).await,
        ("POST", ["v1", "tenants", tenant, "hand-over"]) => tenants::hand_over(asked, tenant).await,
        ("GET", ["v1", "tenants", tenant, "principals"]) => principals::list(asked, tenant).await,
        ("POST", ["v1", "tenants", tenant, "principals"]) => principals::create(asked, tenant).await,
        ("GET", ["v1", "tenants", tenant, "principals", name]) => principals::show(asked, tenant, name).await,
        ("POST", ["v1", "tenants", tenant, "principals", name, "disable"]) => principals::disable(asked, tenant, name).await,
        ("GET", ["v1", "tenants", tenant, "credentials"]) => credentials::list(asked, tenant).await,
        ("POST", ["v1", "tenants", tenant, "credentials"]) => credentials::create(asked, tenant).await,
        ("GET", ["v1", "tenants", tenant, "credentials", id]) => credentials::show(asked, tenant, id).await,
        ("POST", ["v1", "tenants", tenant, "credentials", id, "disable"]) => credentials::disable(asked, tenant, id).await,
        ("GET", ["v1", "tenants", tenant, "buckets"]) => buckets::list(asked, tenant).await,
        ("POST", ["v1", "tenants", tenant, "buckets"]) => buckets::create(asked, tenant).await,
        ("GET", ["v1", "tenants", tenant, "buckets", name]) => buckets::show(asked, tenant, name).await,
        ("POST", ["v1", "tenants", tenant, "buckets", name, "disable"]) => buckets::disable(asked, tenant, name).await,
        ("GET" | "POST", _) => Err(Problem::no_route()),
        _ => Err(Problem::method()),
    }
}

/// A document with status 200.
pub(super) fn shown(document: &impl Serialize) -> Answered {
    json(StatusCode::OK, document)
}

/// A document with status 201.
pub(super) fn created(document: &impl Serialize) -> Answered {
    json(StatusCode::CREATED, document)
}

/// A document with another status.
pub(super) fn json(status: StatusCode, document: &impl Serialize) -> Answered {
    let text = serde_json::to_vec(document).map_err(|_| Problem::bad("the answer has no JSON form"))?;
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    Ok(answer)
}

fn decoded(segment: &str) -> Result<String, Problem> {
    percent_decode_str(segment).decode_utf8().map(|text| text.into_owned()).map_err(|_| Problem::bad("the path is no UTF-8 text"))
}
