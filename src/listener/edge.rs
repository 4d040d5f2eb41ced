use super::activity::Activity;
use super::answer::{Account, AnswerBody, Held, Source};
use super::body::{Fate, Framing, ListenerBody};
use super::cors::Preflight;
use super::health::{Readiness, Reserved, reserved};
use super::refusal::Refusal;
use super::settings::ListenerSettings;
use super::streams::Streams;
use crate::domain::{AnswerInMemory, EventId, Live, Peer, limits};
use crate::meters::{Meters, Observed};
use bytes::Bytes;
use futures::FutureExt;
use http::header::{CONNECTION, EXPECT, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use std::convert::Infallible;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What all connections of a listener share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Live<ListenerSettings>,
    pub(super) meters: Arc<Meters>,
    pub(super) readiness: Readiness,
    pub(super) turns: Arc<Semaphore>,
}

/// The way of each request of one connection to the service, and of its answer back.
#[derive(Debug)]
pub(super) struct Edge<S> {
    pub(super) service: Arc<S>,
    pub(super) shared: Arc<Shared>,
    pub(super) activity: Arc<Activity>,
    pub(super) streams: Streams,
    pub(super) peer: Peer,
}

impl<S> Clone for Edge<S> {
    fn clone(&self) -> Self {
        Self {
            service: Arc::clone(&self.service),
            shared: Arc::clone(&self.shared),
            activity: Arc::clone(&self.activity),
            streams: self.streams.clone(),
            peer: self.peer,
        }
    }
}

/// What a request got, before it is made into its answer.
struct Reply<B> {
    response: Response<Source<B>>,
    observed: Observed,
    turn: Option<OwnedSemaphorePermit>,
    fate: Option<Arc<Fate>>,
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-hozon-request-id");
const S3_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const S3_HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

impl<S, B> Edge<S>
where
    S: Service<Request<ListenerBody>, Response = Response<B>> + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Answers one request.
    pub(super) async fn answer(self, request: Request<Incoming>) -> Result<Response<AnswerBody<B>>, Infallible> {
        let began = Instant::now();
        let id = EventId::random();
        let version = request.version();
        let settings = self.shared.settings.now();
        let origin = settings.cors.origin(request.headers());
        let runs = self.activity.request_begins(version);
        let counted = self.shared.meters.request_begun();
        let mut reply = self.reply(request, id, &settings).await;
        // Others need not wait for whoever takes such an answer slowly: memory is all that it occupies.
        let turn = reply.turn.filter(|_| !is_in_memory(&reply.response));
        let held = Held { _runs: runs, _counted: counted, _turn: turn };

        let headers = reply.response.headers_mut();
        settings.cors.mark(origin, headers);
        // Hexadecimal digits always make a header value.
        if let Ok(text) = HeaderValue::from_str(&id.to_string()) {
            headers.insert(REQUEST_ID, text.clone());
            headers.insert(S3_REQUEST_ID, text.clone());
            headers.entry(S3_HOST_ID).or_insert(text);
        }
        if reply.fate.is_some_and(|fate| fate.closes_connection()) && version != Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let status = reply.response.status().as_u16();
        let meters = Arc::clone(&self.shared.meters);
        let observed = reply.observed;
        let account = Account { request: id, observed, status, began, meters, _held: held, sent: 0, expected: None, has_ended: false };
        let taking = self.streams.taking();
        Ok(reply.response.map(|source| AnswerBody::new(source, account, taking)))
    }

    async fn reply(&self, request: Request<Incoming>, id: EventId, settings: &ListenerSettings) -> Reply<B> {
        let (mut parts, incoming) = request.into_parts();
        let framing = framing(&parts);
        let meters = Arc::clone(&self.shared.meters);
        // Made first, so that a refusal at any step below treats the body as it must be.
        let body = ListenerBody::new(incoming, framing, settings.body_pause_max, Arc::clone(&self.activity), meters);
        let fate = body.fate();

        let admitted = self.admit(&mut parts, settings).await;
        let mut reply = match admitted {
            Ok(Passed::Reserved(endpoint)) => self.reserved(endpoint, &parts, id).await,
            Ok(Passed::Preflight) => {
                let observed = Observed { operation: "Preflight", refusal: None };
                Reply { response: settings.cors.granted(&parts).map(|()| Source::Own(None)), observed, turn: None, fate: None }
            }
            Ok(Passed::Service(turn)) => {
                parts.extensions.insert(self.peer);
                parts.extensions.insert(id);
                let mut reply = self.serve(Request::from_parts(parts, body), id).await;
                reply.turn = Some(turn);
                reply.fate = Some(fate);
                return reply;
            }
            Err(refusal) => refused(refusal, &parts, id),
        };
        drop(body);
        reply.fate = Some(fate);
        reply
    }

    /// Everything that is checked before the service sees the request.
    async fn admit(&self, parts: &mut Parts, settings: &ListenerSettings) -> Result<Passed, Refusal> {
        check_header_size(parts, settings)?;
        let host = settle_host(parts)?;
        if let Some(endpoint) = reserved(parts, &host, &settings.base_domains) {
            return Ok(Passed::Reserved(endpoint));
        }
        match settings.cors.preflight(parts) {
            Some(Preflight::Granted) => return Ok(Passed::Preflight),
            Some(Preflight::Refused) => return Err(Refusal::Origin),
            None => {}
        }
        let turn = tokio::time::timeout(limits::TURN_WAIT_MAX, Arc::clone(&self.shared.turns).acquire_owned()).await;
        match turn {
            Ok(Ok(turn)) => Ok(Passed::Service(turn)),
            Ok(Err(_)) | Err(_) => Err(Refusal::SlowDown { after: limits::TURN_WAIT_MAX }),
        }
    }

    async fn serve(&self, request: Request<ListenerBody>, id: EventId) -> Reply<B> {
        let method = request.method().clone();
        let internal = || {
            let response = Refusal::Panicked.answer(&method, id).map(|body| Source::Own(Some(body)));
            let observed = Observed { operation: "Other", refusal: Some(Refusal::Panicked.code()) };
            Reply { response, observed, turn: None, fate: None }
        };
        let served = AssertUnwindSafe(async { self.service.call(request).await }).catch_unwind().await;
        match served {
            Ok(Ok(response)) => {
                let observed = response.extensions().get::<Observed>().copied();
                let observed = observed.unwrap_or(Observed { operation: "Other", refusal: None });
                Reply { response: response.map(Source::Service), observed, turn: None, fate: None }
            }
            Ok(Err(error)) => {
                let error: Box<dyn Error + Send + Sync> = error.into();
                tracing::error!(request = %id, error = %error, "the service failed");
                internal()
            }
            Err(_panic) => {
                // The panic's text may hold anything that was in memory, so it is not repeated.
                self.shared.meters.panicked();
                tracing::error!(request = %id, "the service panicked");
                internal()
            }
        }
    }

    async fn reserved(&self, endpoint: Reserved, parts: &Parts, id: EventId) -> Reply<B> {
        let status = match endpoint {
            Reserved::Health => StatusCode::OK,
            Reserved::Ready if self.shared.readiness.ask().await => StatusCode::OK,
            Reserved::Ready => StatusCode::SERVICE_UNAVAILABLE,
            Reserved::Nothing => return refused(Refusal::NoSuchEndpoint, parts, id),
        };
        let mut response = Response::new(Source::Own(None));
        *response.status_mut() = status;
        Reply { response, observed: Observed { operation: "Health", refusal: None }, turn: None, fate: None }
    }
}

enum Passed {
    Reserved(Reserved),
    Preflight,
    Service(OwnedSemaphorePermit),
}

fn refused<B>(refusal: Refusal, parts: &Parts, id: EventId) -> Reply<B> {
    let response = refusal.answer(&parts.method, id).map(|body| Source::Own(Some(body)));
    Reply { response, observed: Observed { operation: "Other", refusal: Some(refusal.code()) }, turn: None, fate: None }
}

fn is_in_memory<B>(response: &Response<Source<B>>) -> bool {
    matches!(response.body(), Source::Own(_)) || response.extensions().get::<AnswerInMemory>().is_some()
}

fn framing(parts: &Parts) -> Framing {
    let waits = parts.headers.get(EXPECT).is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    match (parts.version, waits) {
        (Version::HTTP_2, _) => Framing::Multiplexed,
        (_, true) => Framing::SingleAfterLeave,
        (_, false) => Framing::Single,
    }
}

fn check_header_size(parts: &Parts, settings: &ListenerSettings) -> Result<(), Refusal> {
    // As on the wire in HTTP/1: `name: value`, CR LF.
    let lines: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if parts.headers.len() > settings.headers_max || lines + target > settings.header_bytes_max {
        return Err(Refusal::HeaderTooLarge);
    }
    Ok(())
}

/// The one host that a request is for, which stands in its `host` header afterwards: signatures cover it.
///
/// HTTP/2 names it in `:authority`, HTTP/1 may name it in an absolute target as well (RFC 9112 §3.2.2).
fn settle_host(parts: &mut Parts) -> Result<String, Refusal> {
    let mut named = parts.headers.get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return Err(Refusal::Host);
    }
    let header = first.map(|host| host.to_str().map(str::to_owned)).transpose().map_err(|_| Refusal::Host)?;
    let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    match (header, authority) {
        (Some(host), None) => Ok(host),
        (Some(host), Some(authority)) if host.eq_ignore_ascii_case(&authority) => Ok(host),
        (None, Some(authority)) => {
            parts.headers.insert(HOST, HeaderValue::from_str(&authority).map_err(|_| Refusal::Host)?);
            Ok(authority)
        }
        (Some(_), Some(_)) | (None, None) => Err(Refusal::Host),
    }
}
