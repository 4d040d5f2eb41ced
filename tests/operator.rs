#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up may stop")]
//! The operator's way in: the admin API on its socket, and the program's commands as its client.

use bytes::Bytes;
use hozon::access::Access;
use hozon::admin::{Admin, AdminError, AdminServices};
use hozon::audit::Journal;
use hozon::blob::{BlobSettings, BlobStore};
use hozon::config;
use hozon::domain::{Clock, EventId, Live, NodeId, SystemClock, TenantId};
use hozon::engine::{Engine, SqliteEngine, SqliteSettings};
use hozon::identity::{Authenticator, People};
use hozon::index::Index;
use hozon::leases::{LeaseSettings, Leases, Monotonic, SystemMonotonic};
use hozon::meters::Meters;
use hozon::root::{Protection, Root};
use hozon::upkeep::{Pairing, Scrub, ScrubBounds, ScrubParts};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Gateway {
    dir: tempfile::TempDir,
    services: AdminServices,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

fn services(dir: &Path) -> AdminServices {
    std::fs::write(dir.join("hozon.toml"), "").unwrap();
    let settings = config::read(&dir.join("hozon.toml"), std::iter::empty()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sqlite = SqliteSettings { path: dir.join("index.sqlite"), readers: 1 };
    let engine: Arc<dyn Engine> = Arc::new(SqliteEngine::open(&sqlite, Arc::clone(&clock)).unwrap());
    let root = Arc::new(Root::create_file(&dir.join("root.key"), &Protection::FileMode).unwrap());
    let monotonic = Arc::new(SystemMonotonic::start());
    let leases = Arc::new(Leases::new(Arc::clone(&engine), root, LeaseSettings::default(), monotonic));
    let meters = Arc::new(Meters::new());
    let monotonic: Arc<dyn Monotonic> = Arc::new(SystemMonotonic::start());
    let access = Arc::new(Access::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&monotonic)));
    let authenticator =
        Arc::new(Authenticator::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&clock), (Arc::clone(&access), monotonic)));
    let blobs = BlobStore::open(&BlobSettings::Memory).unwrap();
    let pairing = Arc::new(Pairing::new(Arc::clone(&engine), blobs.clone()));
    let node = NodeId::random();
    let journal = Arc::new(Journal::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&clock), node, Arc::clone(&meters)));
    let scrub = Scrub::new(
        ScrubParts {
            engine: Arc::clone(&engine),
            blobs: blobs.clone(),
            journal: Arc::clone(&journal),
            clock: Arc::clone(&clock),
            pairing: Arc::clone(&pairing),
            meters: Arc::clone(&meters),
            node,
        },
        Live::new(settings.scrub),
        ScrubBounds::default(),
    );
    AdminServices {
        keeper: None,
        pairing,
        scrub: Arc::new(scrub),
        journal,
        access,
        people: Arc::new(People::new(Arc::clone(&engine), Arc::clone(&leases), Arc::clone(&clock), authenticator)),
        index: Arc::new(Index::new(Arc::clone(&engine), Arc::clone(&leases))),
        blobs,
        meters,
        job_types: Live::new(settings.job_types),
        record_classes: Live::new(settings.record_classes),
        clock,
        engine,
        leases,
    }
}

impl Gateway {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let services = services(dir.path());
        services.pairing.begin().await.unwrap();
        let admin = Admin::bind(&dir.path().join("admin.sock"), services.clone()).await.unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(admin.serve(stop.clone().cancelled_owned()));
        Self { dir, services, stop, serving }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("admin.sock")
    }

    async fn ask(&self, method: Method, path: &str, body: &str) -> (StatusCode, String) {
        let stream = UnixStream::connect(self.socket()).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let _driver = tokio::spawn(connection);
        let body: Full<Bytes> = Full::from(body.to_owned());
        let request = Request::builder().method(method).uri(path).header("host", "x").body(body).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn code(&self, method: Method, path: &str, body: &str) -> (u16, String) {
        let (status, text) = self.ask(method, path, body).await;
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["status"], status.as_u16());
        (status.as_u16(), problem["code"].as_str().unwrap().to_owned())
    }

    /// Runs the program as an operator would.
    async fn hozon(&self, arguments: &[&str]) -> Output {
        let mut command = program();
        command.arg("--socket").arg(self.socket()).args(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.hozon(&[&["--output", "json"], arguments].concat()).await;
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        serde_json::from_slice(&ran.stdout).unwrap()
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hozon"));
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command
}

fn said(ran: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sets_up_a_hospital_and_each_step_is_in_its_log() {
    let gateway = Gateway::start().await;
    let tenant = gateway.json(&["tenant", "create", "hikari", "--facility", "1312345678"]).await;
    let id = tenant["id"].as_str().unwrap();
    let physician =
        ["principal", "create", "sato", "--tenant", "hikari", "--kind", "person", "--job-type", "physician", "--grant", "karte=read,list"];
    assert_eq!(gateway.json(&physician).await["grants"], json!([{"bucket": "karte", "rights": ["read", "list"]}]));
    let bucket = gateway.json(&["bucket", "create", "karte", "--tenant", "hikari", "--default-class", "chart.medical"]).await;
    assert_eq!((&bucket["mode"], &bucket["versioning"]), (&json!("records"), &json!("on")));
    let made = gateway.json(&["credential", "create", "--tenant", id, "--principal", "sato"]).await;
    let (key, secret) = (made["access_key"].as_str().unwrap(), made["secret_key"].as_str().unwrap());
    assert_eq!(secret.len(), 40);

    for listed in [
        gateway.json(&["credential", "list", "--tenant", "hikari", "--principal", "sato"]).await,
        gateway.json(&["credential", "show", "--tenant", "hikari", key]).await,
        gateway.json(&["principal", "list", "--tenant", "hikari"]).await,
    ] {
        assert!(!listed.to_string().contains(secret), "a secret is shown once");
    }
    assert_eq!(gateway.json(&["bucket", "disable", "--tenant", "hikari", "karte"]).await["standing"], "disabled");
    assert_eq!(gateway.json(&["credential", "disable", "--tenant", "hikari", key]).await["standing"], "disabled");
    assert_eq!(gateway.json(&["principal", "disable", "--tenant", "hikari", "sato"]).await["standing"], "disabled");
    assert_eq!(gateway.json(&["tenant", "disable", "hikari"]).await["standing"], "disabled");
    assert_eq!(gateway.json(&["tenant", "show", "hikari"]).await["standing"], "disabled");
    assert_eq!(gateway.json(&["bucket", "list", "--tenant", "hikari"]).await[0]["name"], "karte");

    let events = gateway.services.journal.events(TenantId::parse(id).unwrap(), None, 100).await.unwrap();
    let actions: Vec<&str> = events.iter().rev().map(|(_, logged)| logged.event().unwrap().action.as_str()).collect();
    let done = [
        "create-tenant",
        "create-principal",
        "create-bucket",
        "create-credential",
        "disable-bucket",
        "disable-credential",
        "disable-principal",
        "disable-tenant",
    ];
    assert_eq!(actions, done);
    let of = |action: &str| events.iter().filter_map(|(_, logged)| logged.event()).find(|event| event.action == action).unwrap();
    for action in actions {
        let actor = &of(action).actor;
        assert!(actor.name.starts_with("user-") && actor.proven_by == "admin-socket", "{action}");
    }
    // Whose, which and what for stand in the log, so that an institution sees who was let in (ID-05).
    let made = &of("create-credential").subject;
    assert_eq!((made.principal.as_deref(), made.credential.as_deref()), (Some("sato"), Some(key)));
    assert_eq!(of("disable-credential").subject.credential.as_deref(), Some(key));
    assert_eq!(of("create-principal").subject.grants[0].bucket, "karte");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_hand_over_no_operator_makes_people_or_credentials() {
    let gateway = Gateway::start().await;
    let tenant = gateway.json(&["tenant", "create", "hikari"]).await;
    let make = |name: &'static str| ["principal", "create", name, "--tenant", "hikari", "--kind", "person", "--grant", "*=manage-policy"];
    gateway.json(&make("chief")).await;
    gateway.json(&["credential", "create", "--tenant", "hikari", "--principal", "chief"]).await;
    gateway.json(&make("deputy")).await;
    // One who can do something is not enough: nobody approves their own change.
    let early = gateway.hozon(&["tenant", "hand-over", "hikari"]).await;
    assert!(!early.status.success() && said(&early).contains("two persons"), "{}", said(&early));
    gateway.json(&["credential", "create", "--tenant", "hikari", "--principal", "deputy"]).await;
    gateway.json(&["tenant", "hand-over", "hikari"]).await;

    for refused in [&make("mallory")[..], &["credential", "create", "--tenant", "hikari", "--principal", "chief"]] {
        let told = gateway.hozon(refused).await;
        assert!(!told.status.success() && said(&told).contains("handed-over"), "{refused:?}: {}", said(&told));
    }
    let again = gateway.hozon(&["tenant", "hand-over", "hikari"]).await;
    assert!(!again.status.success() && said(&again).contains("already"), "{}", said(&again));
    // Shutting out only narrows, and stays with the operator too.
    assert_eq!(gateway.json(&["principal", "disable", "--tenant", "hikari", "deputy"]).await["standing"], "disabled");
    let id = TenantId::parse(tenant["id"].as_str().unwrap()).unwrap();
    let events = gateway.services.journal.events(id, None, 100).await.unwrap();
    assert!(events.iter().any(|(_, logged)| logged.event().unwrap().action == "hand-over"));
    assert_eq!(gateway.services.people.principals(id).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_and_has_its_own_exit_code() {
    let gateway = Gateway::start().await;
    gateway.json(&["tenant", "create", "hikari"]).await;
    for (arguments, says) in [
        (&["tenant", "create", "hikari"][..], "there is a tenant `hikari` already (name-taken)"),
        (&["tenant", "create", "Hikari!"], "bad-request"),
        (&["tenant", "show", "nobody"], "there is no tenant `nobody` (not-found)"),
        (&["principal", "show", "--tenant", "hikari", "no/body"], "there is no principal `no/body`"),
        (&["principal", "create", "x", "--tenant", "hikari", "--kind", "person", "--job-type", "wizard"], "there is no job type `wizard`"),
        (&["bucket", "create", "karte", "--tenant", "hikari", "--default-class", "no.class"], "there is no record class `no.class`"),
        (&["credential", "create", "--tenant", "hikari", "--principal", "x"], "there is no principal `x`"),
        (&["credential", "create", "--tenant", "hikari", "--principal", "x", "--expires", "2001-01-01T00:00:00Z"], "lies in the past"),
        (&["credential", "create", "--tenant", "hikari", "--principal", "x", "--expires", "soon"], "`soon`: not a moment"),
    ] {
        let ran = gateway.hozon(arguments).await;
        assert_eq!(ran.status.code(), Some(3), "{arguments:?}: {}", said(&ran));
        assert!(said(&ran).contains(says), "{arguments:?}: {}", said(&ran));
    }
}

#[test]
fn nobody_answering_and_a_wrong_command_line_have_their_own_exit_codes() {
    let ran = program().args(["--socket", "/nowhere/admin.sock", "tenant", "list"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(4));
    assert!(
        said(&ran).contains("nobody answers on /nowhere/admin.sock") && said(&ran).contains("next: is a gateway running"),
        "{}",
        said(&ran)
    );
    for wrong in [&["tenant", "burn"][..], &["tenant"], &[], &["principal", "list"], &["audit", "search"], &["serve", "--port", "1"]] {
        let ran = program().args(wrong).output().unwrap();
        assert_eq!(ran.status.code(), Some(2), "{wrong:?}: {}", said(&ran));
        assert!(!ran.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn help_is_enough_for_a_stranger() {
    let help = program().arg("--help").output().unwrap();
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("Begin with `hozon demo`") && help.contains("Exit codes"), "{help}");
    for command in ["demo", "serve", "doctor", "root", "tenant", "principal", "credential", "bucket", "audit"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{command} "))), "{command}");
        let own = program().args([command, "--help"]).output().unwrap();
        assert!(own.status.success() && String::from_utf8_lossy(&own.stdout).contains("Usage: hozon "), "{command}");
    }
    for (command, example) in
        [("tenant", "hozon tenant create hikari"), ("bucket", "hozon bucket create karte"), ("principal", "--grant karte=read")]
    {
        let own = program().args([command, "create", "--help"]).output().unwrap();
        assert!(String::from_utf8_lossy(&own.stdout).contains(example), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_for_people_and_never_speaks_to_the_terminal() {
    let gateway = Gateway::start().await;
    gateway.json(&["tenant", "create", "hikari"]).await;
    let named = ["principal", "create", "eve", "--tenant", "hikari", "--kind", "app", "--display-name", "\u{1b}[31mred"];
    gateway.json(&named).await;
    let shown = String::from_utf8(gateway.hozon(&["principal", "list", "--tenant", "hikari"]).await.stdout).unwrap();
    assert!(shown.contains("NAME") && shown.contains("eve") && !shown.contains('\u{1b}'), "{shown:?}");
}

#[tokio::test]
async fn problems_have_stable_codes() {
    let gateway = Gateway::start().await;
    let (get, post) = (Method::GET, Method::POST);
    assert_eq!(gateway.code(get.clone(), "/v2/tenants", "").await, (404, "no-such-route".into()));
    assert_eq!(gateway.code(Method::DELETE, "/v1/tenants", "").await, (405, "method-not-allowed".into()));
    assert_eq!(gateway.code(post.clone(), "/v1/tenants", "{").await, (400, "bad-request".into()));
    assert_eq!(gateway.code(post.clone(), "/v1/tenants", r#"{"name":"a","nmae":"b"}"#).await, (400, "bad-request".into()));
    assert_eq!(gateway.code(get.clone(), "/v1/tenants/%FF", "").await, (400, "bad-request".into()));
    assert_eq!(gateway.code(post, "/v1/tenants", &" ".repeat(3 << 20)).await, (413, "too-large".into()));
    gateway.ask(Method::POST, "/v1/tenants", r#"{"name":"a"}"#).await;
    assert_eq!(gateway.code(get, "/v1/tenants/a/credentials?pricipal=x", "").await, (400, "bad-request".into()));
}

#[tokio::test]
async fn health_and_metrics_are_on_the_socket() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.ask(Method::GET, "/healthz", "").await.0, 200);
    gateway.ask(Method::POST, "/v1/tenants", r#"{"name":"a"}"#).await;
    let (status, ready) = gateway.ask(Method::GET, "/readyz", "").await;
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let names: Vec<&str> = ready["dependencies"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!((status.as_u16(), &ready["ready"], names), (200, &json!(true), vec!["index", "store", "keys", "collector"]));
    let services = &gateway.services;
    let tenant = services.engine.tenants().await.unwrap().remove(0).id;
    // Its first event came with it, in one transaction; one that stands alone is measured.
    let event = services.journal.events(tenant, None, 10).await.unwrap().remove(0).1.event().unwrap().clone();
    assert_eq!(event.operation, "CreateTenant");
    assert!(gateway.ask(Method::GET, "/metrics", "").await.1.contains("hozon_audit_append_duration_seconds_count 0\n"));
    let again = hozon::audit::Event { id: EventId::random().to_string(), ..event };
    let _on_record = services.journal.append(services.journal.seal(tenant, again).await.unwrap()).await.unwrap();
    assert!(gateway.ask(Method::GET, "/metrics", "").await.1.contains("hozon_audit_append_duration_seconds_count 1\n"));
}

#[tokio::test]
async fn a_withdrawn_root_shows_as_unready_keys() {
    let gateway = Gateway::start().await;
    let (_, made) = gateway.ask(Method::POST, "/v1/tenants", r#"{"name":"a"}"#).await;
    let made: Value = serde_json::from_str(&made).unwrap();
    std::fs::remove_file(gateway.dir.path().join("root.key")).unwrap();
    gateway.services.leases.purge(TenantId::parse(made["id"].as_str().unwrap()).unwrap());
    let (status, ready) = gateway.ask(Method::GET, "/readyz", "").await;
    assert_eq!(status.as_u16(), 503);
    assert!(ready.contains(r#"{"name":"keys","ready":false"#), "{ready}");
    let refused = gateway.code(Method::POST, "/v1/tenants/a/buckets", r#"{"name":"karte","mode":"records"}"#).await;
    assert_eq!(refused.0, 503, "nothing is done that cannot be recorded");
}

#[tokio::test]
async fn the_socket_is_the_own_users_alone_and_goes_with_the_gateway() {
    let gateway = Gateway::start().await;
    let socket = gateway.socket();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let second = Admin::bind(&socket, gateway.services.clone()).await.unwrap_err();
    assert!(matches!(second, AdminError::InUse { .. }), "{second}");
    gateway.stop.cancel();
    gateway.serving.await.unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_nothing_else_is() {
    let gateway = Gateway::start().await;
    let left = gateway.dir.path().join("left.sock");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    // A program that another test starts holds the dropped listener open until it has been replaced by its image.
    let mut bound = Admin::bind(&left, gateway.services.clone()).await;
    for _ in 0..100 {
        if bound.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        bound = Admin::bind(&left, gateway.services.clone()).await;
    }
    drop(bound.unwrap());
    let file = gateway.dir.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(matches!(Admin::bind(&file, gateway.services.clone()).await, Err(AdminError::NoSocket { .. })));
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    let tcp = Admin::bind(Path::new("127.0.0.1:9001"), gateway.services.clone()).await.unwrap_err();
    assert_eq!(tcp.to_string(), "the admin listener takes a path of a Unix socket, not the address `127.0.0.1:9001`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scrub_is_shown_asked_for_and_paused() {
    let gateway = Gateway::start().await;
    let scrub = async |arguments: &[&str]| {
        let output = gateway.hozon(&[&["--output", "json", "scrub"], arguments].concat()).await;
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default())
    };
    let (code, shown) = scrub(&["status"]).await;
    assert_eq!((code, &shown["scrub"], &shown["last_full_pass"]), (Some(0), &json!("due"), &Value::Null));
    assert_eq!(shown["pass"]["coverage_percent"], json!(0.0));
    let stop = CancellationToken::new();
    gateway.services.scrub.turn(&stop).await.unwrap();
    let (_, shown) = scrub(&["status"]).await;
    assert_eq!((&shown["scrub"], &shown["pass"]["coverage_percent"]), (&json!("waiting"), &json!(100.0)));
    assert!(shown["last_full_pass"].is_string() && shown["next"].is_string());
    assert_eq!(scrub(&["start"]).await.1["scrub"], "due");
    assert_eq!(gateway.code(Method::POST, "/v1/scrub/start", "null").await, (409, "already-so".to_owned()));
    assert_eq!(scrub(&["pause"]).await.1["scrub"], "paused");
    assert_eq!(scrub(&["pause"]).await.0, Some(3));
    gateway.services.scrub.turn(&stop).await.unwrap();
    assert_eq!(scrub(&["resume"]).await.1["scrub"], "due");
    gateway.services.scrub.turn(&stop).await.unwrap();
    assert_eq!(scrub(&["status"]).await.1["before"]["frames"], 0);
    let table = gateway.hozon(&["scrub", "status"]).await;
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.trim_start().starts_with("scrub") && table.contains("coverage percent") && !table.contains('{'), "{table}");
    gateway.stop.cancel();
    gateway.serving.await.unwrap();
}
