//! A gateway in memory with two hospitals, and short ways to ask it.

use crate::signing::{Key, sha256, stamp, uri};
use bytes::Bytes;
use futures::FutureExt;
use hozon::access::Access;
use hozon::api::Api;
use hozon::audit::{Event, Journal, OutcomeLog, ProviderLog};
use hozon::blob::{BlobSettings, BlobStore};
use hozon::domain::{
    BucketMode, BucketName, Clock, Factors, Grant, Live, NodeId, PatientsNamed, PrincipalKind, Profile, RecordClass, RecordClasses, Right,
    SystemClock, TenantId, Versioning, limits,
};
use hozon::engine::{Engine, Events, SqliteEngine, SqliteSettings};
use hozon::identity::{Authenticator, NewPrincipal, People};
use hozon::index::{Index, NewBucket};
use hozon::keys::Keyring;
use hozon::leases::{LeaseSettings, Leases, ManualMonotonic, Monotonic, SystemMonotonic};
use hozon::meters::{Meters, Observed};
use hozon::objects::Objects;
use hozon::oversight::Oversight;
use hozon::policy::{Basis, Gate, Rules};
use hozon::report::AccessLog;
use hozon::root::{Protection, Root};
use hozon::s3::{self, Endpoint, Front, Native, RateSettings, Rates, SignIn};
use hozon::seal::{Aead, PlainPool};
use hozon::sts::Sts;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::service::Service;
use std::sync::Arc;
use std::time::Duration;

/// A whole gateway. Its files go when it is dropped.
pub(crate) struct Gateway {
    pub(crate) endpoint: Endpoint,
    pub(crate) people: Arc<People>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) index: Arc<Index>,
    pub(crate) classes: Live<RecordClasses>,
    pub(crate) rates: Rates,
    pub(crate) rules: Live<Rules>,
    pub(crate) basis: Basis,
    /// How old what tenants have laid down is taken to be.
    pub(crate) monotonic: Arc<ManualMonotonic>,
    pub(crate) leases: Arc<Leases>,
    /// How old the gate takes its decisions to be.
    pub(crate) decisions: Arc<ManualMonotonic>,
    clock: Arc<dyn Clock>,
    pub(crate) blobs: BlobStore,
    pub(crate) outcomes: OutcomeLog,
    pub(crate) directory: tempfile::TempDir,
}

/// Someone who asks.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) tenant: TenantId,
    pub(crate) key: Key,
}

/// A request in plain text.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What came back, read to its end.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The operation that the listener counts it as.
    pub(crate) operation: &'static str,
}

/// What the shipped rules rest on, for who has shown one factor.
fn basis(directory: &std::path::Path) -> Basis {
    std::fs::write(directory.join("hozon.toml"), "").unwrap();
    let settings = hozon::config::read(&directory.join("hozon.toml"), std::iter::empty()).unwrap();
    let (grid, classes, job_types) = (settings.access_grid, settings.record_classes, settings.job_types);
    Basis { grid, classes, job_types, patients: PatientsNamed::Always, factors: Factors::One }
}

/// The gateway's own API; beside it paths that only say who asks.
fn native(gate: Arc<Gate>, (journal, people, access, clock): (&Arc<Journal>, &Arc<People>, &Arc<Access>, &Arc<dyn Clock>)) -> Native {
    let oversight = Oversight { gate: Arc::clone(&gate), people: Arc::clone(people), access: Arc::clone(access), clock: Arc::clone(clock) };
    let api = Arc::new(Api::new(gate, AccessLog::new(Arc::clone(journal)), oversight));
    Arc::new(move |who, (parts, body), origin| {
        let api = Arc::clone(&api);
        async move {
            match parts.uri.path().starts_with("/-/v1/") {
                true => api.answer(who, (&parts, &body), origin).await,
                false => Response::new(Bytes::from(format!("{} {}", who.name(), parts.uri.path()))),
            }
        }
        .boxed()
    })
}

fn sign_in(sts: Arc<Sts>) -> SignIn {
    Arc::new(move |form, (request, source, user_agent)| {
        let sts = Arc::clone(&sts);
        async move { sts.answer(&form, hozon::sts::From { request, source, user_agent }).await }.boxed()
    })
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::over(BlobStore::open(&BlobSettings::Memory).unwrap()).await
    }

    /// One whose bodies lie there.
    pub(crate) async fn over(blobs: BlobStore) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let sqlite = SqliteSettings { path: directory.path().join("index.sqlite"), readers: 2 };
        let engine: Arc<dyn Engine> = Arc::new(SqliteEngine::open(&sqlite, Arc::clone(&clock)).unwrap());
        let root = Arc::new(Root::create_file(&directory.path().join("root"), &Protection::FileMode).unwrap());
        let lasting = Arc::new(SystemMonotonic::start());
        let leases = Arc::new(Leases::new(Arc::clone(&engine), root, LeaseSettings::default(), lasting));
        let index = Arc::new(Index::new(Arc::clone(&engine), Arc::clone(&leases)));
        let meters = Arc::new(Meters::new());
        let journal = Journal::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&clock), NodeId::random(), Arc::clone(&meters));
        let journal = Arc::new(journal);
        let outcomes = OutcomeLog::start(Arc::clone(&journal), Arc::clone(&meters));
        let provider_log = Arc::new(ProviderLog::new(Arc::clone(&engine), Arc::clone(&clock)));
        let (monotonic, decisions) = (Arc::new(ManualMonotonic::default()), Arc::new(ManualMonotonic::default()));
        let access = Arc::new(Access::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&monotonic) as Arc<dyn Monotonic>));
        let known = (Arc::clone(&access), Arc::clone(&monotonic) as Arc<dyn Monotonic>);
        let authenticator = Arc::new(Authenticator::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&clock), known));
        let people = Arc::new(People::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&clock), Arc::clone(&authenticator)));
        let basis = basis(directory.path());
        let (classes, rules) = (Live::new(basis.classes.clone()), Live::new(Rules::new(basis.clone()).unwrap()));
        let (law, old) = ((rules.clone(), Arc::clone(&access)), Arc::clone(&decisions) as Arc<dyn Monotonic>);
        let gate = Arc::new(Gate::new(Arc::clone(&index), Arc::clone(&journal), Arc::clone(&authenticator), old, law));
        let objects = Objects {
            gate: Arc::clone(&gate),
            index: Arc::clone(&index),
            keys: Arc::new(Keyring::new(Arc::clone(&leases))),
            blobs: blobs.clone(),
            outcomes: outcomes.clone(),
            journal: Arc::clone(&journal),
            clock: Arc::clone(&clock),
            classes: classes.clone(),
            aead: Aead::AesGcm,
            pool: PlainPool::new(4, limits::SEGMENT_CHUNKS * limits::CHUNK_BYTES),
        };
        let sts = Arc::new(Sts::new(Arc::clone(&authenticator), Arc::clone(&gate)));
        let native = native(gate, (&journal, &people, &access, &clock));
        let rates = Rates::new(RateSettings::default());
        let front = Front {
            objects,
            authenticator,
            provider_log,
            clock: Arc::clone(&clock),
            region: crate::signing::REGION.to_owned(),
            base_domains: vec!["localhost".to_owned()],
            presign_life_max: Live::new(Duration::from_secs(900)),
            rates: rates.clone(),
            native,
            sign_in: sign_in(sts),
        };
        let endpoint = s3::service(front).unwrap();
        Self {
            endpoint,
            people,
            journal,
            index,
            classes,
            rates,
            rules,
            basis,
            monotonic,
            leases,
            decisions,
            clock,
            directory,
            blobs,
            outcomes,
        }
    }

    /// A new hospital.
    pub(crate) async fn tenant(&self, name: &str) -> TenantId {
        self.leases.create_tenant(name, None, self.clock.now()).await.unwrap().id
    }

    /// A program of a hospital with rights on a bucket, or on all with `*`, which stands in for a physician.
    pub(crate) async fn person(&self, tenant: TenantId, name: &str, grants: &[(&str, &[Right])]) -> Person {
        self.principal(tenant, name, (PrincipalKind::App, &["physician", "emt"]), grants).await
    }

    /// Someone of a hospital, of one kind and with these job types.
    pub(crate) async fn principal(
        &self,
        tenant: TenantId,
        name: &str,
        (kind, job_types): (PrincipalKind, &[&str]),
        grants: &[(&str, &[Right])],
    ) -> Person {
        let grants = grants.iter().map(|(bucket, rights)| Grant { bucket: (*bucket).to_owned(), rights: rights.to_vec() });
        let job_types = job_types.iter().map(|job| (*job).to_owned()).collect();
        let profile = Profile { grants: grants.collect(), job_types, ..Profile::default() };
        let new = NewPrincipal { name: name.to_owned(), kind, profile };
        self.people.create_principal(tenant, new, Events::default()).await.unwrap();
        let (key, secret) =
            self.people.add_access_key(self.people.new_access_key(tenant, name, None).await.unwrap(), Events::default()).await.unwrap();
        Person { tenant, key: Key { access: key.id, secret: secret.as_str().to_owned() } }
    }

    /// A hospital and an app of it that may do everything.
    pub(crate) async fn with_app() -> (Self, Person) {
        let gateway = Self::start().await;
        let app = gateway.app().await;
        (gateway, app)
    }

    /// A bucket of records that are of `class` where they say nothing else.
    pub(crate) async fn records_bucket(&self, tenant: TenantId, name: &str, class: &str) {
        let (name, default_class) = (BucketName::parse(name).unwrap(), RecordClass::parse(class).ok());
        let new = NewBucket { name, mode: BucketMode::Records, versioning: Versioning::On, default_class };
        self.index.of(tenant).create_bucket(new, self.clock.now(), Events::default()).await.unwrap().unwrap();
    }

    /// An app of a new hospital that may do everything.
    pub(crate) async fn app(&self) -> Person {
        let tenant = self.tenant("kita").await;
        self.person(tenant, "app", &[("*", &Right::ALL)]).await
    }

    /// Asks as someone, with the whole body signed.
    pub(crate) async fn ask(&self, who: &Person, ask: &Ask) -> Told {
        let mut request = ask.request();
        who.key.sign(&mut request, &sha256(&ask.body), &stamp(0));
        self.send(request, ask.body.clone()).await
    }

    /// Sends a request that is signed already, or not at all.
    pub(crate) async fn send(&self, parts: http::request::Parts, body: Vec<u8>) -> Told {
        let response = self.endpoint.call(Request::from_parts(parts, Full::new(Bytes::from(body)))).await.unwrap();
        Told::read(response).await
    }

    /// All events of a hospital, newest first.
    pub(crate) async fn events(&self, tenant: TenantId) -> Vec<Event> {
        let logged = self.journal.events(tenant, None, 1_000).await.unwrap();
        logged.iter().map(|(_, logged)| logged.event().unwrap().clone()).collect()
    }
}

impl Ask {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let headers = vec![("host".to_owned(), "localhost:9000".to_owned())];
        Self { method, path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn head(path: &str) -> Self {
        Self::new(Method::HEAD, path)
    }

    pub(crate) fn put(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new(Method::PUT, path) }
    }

    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new(Method::POST, path) }
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| other != name || other != "host");
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn request(&self) -> http::request::Parts {
        let mut request = Request::builder().method(self.method.clone()).uri(uri(&self.path, &self.query)).body(()).unwrap();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        if !self.body.is_empty() || matches!(self.method, Method::PUT | Method::POST) {
            let length = HeaderValue::from_str(&self.body.len().to_string()).unwrap();
            request.headers_mut().entry("content-length").or_insert(length);
        }
        request.into_parts().0
    }
}

impl Told {
    pub(crate) async fn read(response: Response<s3s::Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let operation = parts.extensions.get::<Observed>().unwrap().operation;
        Self { status: parts.status, headers: parts.headers, body, operation }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The text of the first element of this name.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        self.elements(name).into_iter().next()
    }

    /// The texts of all elements of this name.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let rests = self.text().split(&open).skip(1);
        rests.map(|rest| rest.split(&close).next().unwrap().replace("&quot;", "\"").replace("&amp;", "&")).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The error's code, or the status where there is no document.
    pub(crate) fn code(&self) -> String {
        self.element("Code").unwrap_or_else(|| self.status.as_str().to_owned())
    }

    /// The same answer, which must be a success.
    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert!(self.status.is_success(), "{} {}", self.status, String::from_utf8_lossy(&self.body));
        self
    }
}
