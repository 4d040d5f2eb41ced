use super::bridge;
use super::call::Arrival;
use super::chunks::Chunks;
use super::exchange::Exchange;
use super::fault::Fault;
use super::guard::Guard;
use super::host::{BaseDomains, InvalidDomain};
use super::keep_alive;
use super::metadata;
use super::object::Status;
use super::rate::Rates;
use super::service::Service;
use super::shown::Shown;
use super::wire_body::WireBody;
use crate::audit::ProviderLog;
use crate::domain::{AnswerInMemory, Clock, EventId, Live, Peer, Purpose, causes, limits};
use crate::identity::{Authenticator, Principal};
use crate::meters::Observed;
use crate::objects::Objects;
use crate::policy::{Circumstances, Gate};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use s3s::service::S3Service;
use s3s::{Body, HttpError, S3ErrorCode, StdError};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Answers requests to the gateway's own paths under `/-/`, of someone who was identified.
pub type Native =
    Arc<dyn Fn(Arc<Principal>, (Parts, Bytes), (EventId, Option<IpAddr>)) -> BoxFuture<'static, Response<Bytes>> + Send + Sync>;

/// Answers a form for the Security Token Service, of somebody who is not known yet.
pub type SignIn = Arc<dyn Fn(Bytes, (EventId, Option<IpAddr>, Option<String>)) -> BoxFuture<'static, Response<Bytes>> + Send + Sync>;

/// What the S3 front is made of.
pub struct Front {
    /// The object service.
    pub objects: Objects,
    /// Who is who.
    pub authenticator: Arc<Authenticator>,
    /// Counts requests that prove no tenant.
    pub provider_log: Arc<ProviderLog>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The region that everything lies in.
    pub region: String,
    /// Names under which `<bucket>.<name>` addresses a bucket, without ports.
    pub base_domains: Vec<String>,
    /// How long a presigned URL lives at most, whatever its maker wished.
    pub presign_life_max: Live<Duration>,
    /// How many requests callers may send.
    pub rates: Rates,
    /// Answers the gateway's own paths.
    pub native: Native,
    /// Answers forms for the Security Token Service.
    pub sign_in: SignIn,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").field("region", &self.region).field("base_domains", &self.base_domains).finish_non_exhaustive()
    }
}

/// S3 as a service for the listener. Cheap to clone.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    guard: Guard,
    protocol: S3Service,
    provider_log: Arc<ProviderLog>,
    rates: Rates,
    gate: Arc<Gate>,
    authenticator: Arc<Authenticator>,
    sign_in: SignIn,
    domains: BaseDomains,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Endpoint({:?})", self.0.guard)
    }
}

/// Puts the S3 front together.
///
/// # Errors
/// [`InvalidDomain`] for a base domain that is no host name.
pub fn service(front: Front) -> Result<Endpoint, InvalidDomain> {
    let domains = BaseDomains::new(front.base_domains)?;
    let guard = Guard::new(front.region.clone(), front.presign_life_max, front.clock);
    let gate = Arc::clone(&front.objects.gate);
    let service = Service { objects: front.objects, region: front.region };
    let authenticator = Arc::clone(&front.authenticator);
    let protocol = bridge::protocol(service, (front.authenticator, front.rates.clone()), domains.clone(), front.native);
    let (provider_log, rates, sign_in) = (front.provider_log, front.rates, front.sign_in);
    Ok(Endpoint(Arc::new(Inner { guard, protocol, provider_log, rates, gate, authenticator, sign_in, domains })))
}

impl<B> hyper::service::Service<Request<B>> for Endpoint
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let body = |body| Body::http_body_unsync(http_body_util::BodyExt::map_err(body, Into::<StdError>::into));
        let answer = self.clone().answer(request.map(body));
        async move { Ok(marked(answer.await)) }.boxed()
    }
}

impl Endpoint {
    async fn answer(self, request: Request<Body>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let context = Asked {
            request: parts.extensions.get::<EventId>().copied().unwrap_or_else(EventId::random),
            source: parts.extensions.get::<Peer>().map(Peer::ip),
            resource: parts.uri.path().to_owned(),
            said: [HOST.as_str(), USER_AGENT.as_str(), metadata::PURPOSE].map(|name| parts.headers.get(name).cloned()),
            exchange: Arc::new(Exchange::default()),
        };
        if is_sts(&parts) {
            return self.sign_in(parts, body, &context).await;
        }
        let shown = match Shown::at_door(&self.0.guard, &self.0.authenticator, &mut parts).await {
            Ok(shown) => Arc::new(shown),
            Err(fault) => {
                // The body was not polled: the listener lets the client read the refusal.
                drop(body);
                return self.refuse(fault, &context).await;
            }
        };
        let exchange = Arc::clone(&context.exchange);
        parts.extensions.insert(Arrival { request: context.request, source: context.source, exchange, shown });
        let payload = parts.headers.get("x-amz-content-sha256").map_or(&b""[..], |value| value.as_bytes());
        let body = WireBody::new(body, Arc::clone(&context.exchange), Chunks::announced(payload));
        let body = Body::http_body_unsync(body);
        let may_take_long = keep_alive::may_take_long(&parts);
        let request = Request::from_parts(parts, body);
        let exchange = Arc::clone(&context.exchange);
        let answer = async move {
            let answered = self.0.protocol.call(request).await;
            self.finish(answered, &context).await
        };
        if !may_take_long {
            return answer.await;
        }
        let mut response = keep_alive::kept_alive(answer.boxed(), limits::KEEP_ALIVE_AFTER).await;
        if response.extensions().get::<Observed>().is_none() {
            // It has begun before anyone knows how it ends.
            response.extensions_mut().insert(Observed { operation: exchange.operation(), refusal: None });
        }
        response
    }

    /// Answers a form for the Security Token Service.
    async fn sign_in(&self, parts: Parts, body: Body, context: &Asked) -> Response<Body> {
        let document = match Limited::new(body, limits::API_BODY_BYTES_MAX).collect().await {
            Ok(document) => document.to_bytes(),
            Err(_) => return self.refuse(Fault::new(S3ErrorCode::MaxMessageLengthExceeded, "Your request was too big."), context).await,
        };
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let answer = (self.0.sign_in)(document, (context.request, context.source, user_agent)).await;
        if answer.status().is_client_error() {
            self.0.provider_log.note("web-identity-refused", context.source);
            if let Err(beyond) = self.0.rates.admit_stranger(context.source) {
                return self.refuse(beyond, context).await;
            }
        }
        let mut response = answer.map(Body::from);
        response.extensions_mut().insert(Observed { operation: "AssumeRoleWithWebIdentity", refusal: None });
        response
    }

    async fn finish(&self, answered: Result<Response<Body>, HttpError>, context: &Asked) -> Response<Body> {
        let mut response = match answered {
            Ok(response) => response,
            Err(_) => {
                let fault = Fault::new(S3ErrorCode::InternalError, "We encountered an internal error. Please try again.");
                return self.refuse(fault, context).await;
            }
        };
        let is_fault = response.status().is_client_error() || response.status().is_server_error() || response.status().is_redirection();
        if is_fault && !context.exchange.is_as_is() {
            let document = response.body().bytes().unwrap_or_default();
            let own = context.exchange.fault().cloned();
            let fault = own.unwrap_or_else(|| Fault::read(response.status(), &String::from_utf8_lossy(&document)));
            return self.refuse(fault, context).await;
        }
        if let (true, Some(who)) = (is_fault, context.exchange.who()) {
            self.turn_away(who, "bad-request", context).await;
        }
        if let Some(Status(status)) = response.extensions().get::<Status>().copied() {
            *response.status_mut() = status;
        }
        if context.exchange.operation() == "GetObjectAttributes" {
            response = response.map(with_bare_etag);
        }
        response.extensions_mut().insert(Observed { operation: context.exchange.operation(), refusal: None });
        response
    }

    async fn refuse(&self, mut fault: Fault, context: &Asked) -> Response<Body> {
        match context.exchange.who() {
            None => {
                self.0.provider_log.note(reason(&fault), context.source);
                if let Err(beyond) = self.0.rates.admit_stranger(context.source) {
                    fault = beyond;
                }
            }
            // Who asks too often is counted, and writes no log with that; what is unavailable may be the log itself.
            Some(who) if !matches!(fault.code(), "SlowDown" | "ServiceUnavailable") && fault.status() != StatusCode::NOT_MODIFIED => {
                self.turn_away(who, fault.code(), context).await;
            }
            Some(_) => {}
        }
        let refusal = (fault.status() != StatusCode::NOT_MODIFIED).then(|| fault.static_code());
        let observed = Observed { operation: context.exchange.operation(), refusal };
        let mut response = fault.into_response(&context.resource, &context.request.to_string());
        response.extensions_mut().insert(observed);
        response
    }
}

impl Endpoint {
    /// Puts a refusal on record that came before there was anything to decide, such as of an operation that is not done here.
    /// A verdict that is on record already stays.
    async fn turn_away(&self, who: &Arc<Principal>, reason: &str, context: &Asked) {
        let [host, user_agent, purpose] = context.said.each_ref().map(|said| said.as_ref().and_then(|value| value.to_str().ok()));
        let around = Circumstances {
            request: context.request,
            operation: context.exchange.operation(),
            source: context.source,
            user_agent: user_agent.map(str::to_owned),
            purpose: purpose.and_then(|name| Purpose::parse(name).ok()),
        };
        let place = self.0.domains.place(host.unwrap_or_default(), &context.resource);
        if let Err(error) = self.0.gate.turned_away(who, &around, place, reason).await {
            tracing::warn!(request = %context.request, error = causes(&error), "a refusal is not on record");
        }
    }
}

/// Whether it is a form for the Security Token Service, as SDKs send it: unsigned, to the root.
fn is_sts(parts: &Parts) -> bool {
    let kind = parts.headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let form = b"application/x-www-form-urlencoded";
    let is_form = kind.get(..form.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(form));
    parts.method == Method::POST && parts.uri.path() == "/" && parts.uri.query().is_none() && is_form
}

/// Says of a short document that it occupies nothing but its own bytes.
fn marked(mut response: Response<Body>) -> Response<Body> {
    if response.body().bytes().is_some_and(|document| document.len() <= limits::SHORT_ANSWER_BYTES_MAX) {
        response.extensions_mut().insert(AnswerInMemory);
    }
    response
}

/// GetObjectAttributes is the one document in which S3 shows the tag without quotes; the protocol crate knows no such.
fn with_bare_etag(body: Body) -> Body {
    let Some(document) = body.bytes() else { return body };
    let text = String::from_utf8_lossy(&document).replace("<ETag>&quot;", "<ETag>").replace("&quot;</ETag>", "</ETag>");
    Body::from(text.replace("<ETag>\"", "<ETag>").replace("\"</ETag>", "</ETag>"))
}

/// What an answer needs to know of its request.
struct Asked {
    request: EventId,
    source: Option<IpAddr>,
    resource: String,
    /// Host, program and purpose, as the headers say.
    said: [Option<HeaderValue>; 3],
    exchange: Arc<Exchange>,
}

/// Why a request that proves no tenant failed, for the provider's own log: a short, closed list.
fn reason(fault: &Fault) -> &'static str {
    match fault.code() {
        "InvalidAccessKeyId" => "unknown-access-key",
        "SignatureDoesNotMatch" => "wrong-signature",
        "RequestTimeTooSkewed" => "clock-skew",
        "AccessDenied" => "access-denied",
        "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError" => "malformed-authorization",
        "ServiceUnavailable" | "SlowDown" | "InternalError" => "unavailable",
        _ => "bad-request",
    }
}
