#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]
//! The configuration file: what is taken, what is refused, and where the refusal points.

use hozon::blob::{AzureCredential, BlobSettings, Patience, ReplicaMode, Transport};
use hozon::config::{self, ConfigError, Deviation, LogForm, Profile, Settings};
use hozon::domain::{PatientNaming, RecordClass, StartEvent};
use hozon::engine::{IndexSettings, PostgresTls, SqliteSettings};
use hozon::listener::{TlsVersions, WireSettings};
use std::time::Duration;

fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hozon.toml");
    std::fs::write(&path, text).unwrap();
    config::read(&path, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn read(text: &str) -> Result<Settings, ConfigError> {
    read_with(text, &[])
}

fn place_and_reason(text: &str) -> (usize, usize, String) {
    match read(text) {
        Err(ConfigError::Wrong { line, column, reason, path }) => {
            assert!(path.ends_with("hozon.toml"));
            (line, column, reason)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_file_is_the_defaults_and_they_are_strict() {
    let settings = read("").unwrap();
    assert_eq!(settings.profile, Profile::StrictJp);
    assert_eq!(settings.listener.address.to_string(), "127.0.0.1:9000");
    assert_eq!(settings.deviations(), [Deviation::RootInClear, Deviation::NoBackup]);
    assert_eq!(settings.record_classes.iter().count(), 35);
    assert_eq!(settings.job_types.iter().count(), 40);
}

#[test]
fn every_key_does_something() {
    let text = r#"
        profile = "dev"
        region = "eu-x"
        [listener]
        address = "127.0.0.1:1"
        base_domain = "s3.test"
        tls = "off"
        connections_max = 2
        requests_max = 3
        header_bytes_max = 5000
        headers_max = 20
        header_secs_max = 4
        idle_secs_max = 5
        body_pause_secs_max = 6
        write_stall_secs_max = 7
        streams_max = 8
        requests_per_second = 9
        requests_burst = 10
        unproven_per_second = 15
        unproven_burst = 16
        drain_secs_max = 11
        [s3]
        presign_secs_max = 12
        [cors]
        allowed_origins = ["https://viewer.example:8443", "http://localhost:3000"]
        max_age_secs = 17
        [admin]
        socket = "a.sock"
        metrics_listen = "[::1]:9090"
        [index]
        path = "/i"
        readers = 13
        [store]
        directory = "blobs"
        [root]
        key_file = "/k"
        passphrase_file = "/p"
        [keys]
        lease_secs = 14
        [seal]
        cipher = "aws-lc-rs"
        [log]
        level = "warn"
        form = "json"
    "#;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hozon.toml");
    std::fs::write(&path, text).unwrap();
    let settings = config::read(&path, std::iter::empty()).unwrap();
    let listener = &settings.listener;
    assert!(matches!(listener.wire, WireSettings::PlainOnLoopback));
    assert_eq!((settings.profile, settings.region.as_str()), (Profile::Dev, "eu-x"));
    assert_eq!((listener.address.port(), listener.base_domains.as_slice()), (1, &["s3.test".to_owned()][..]));
    assert_eq!((listener.connections_max, listener.requests_max, listener.header_bytes_max, listener.headers_max), (2, 3, 5_000, 20));
    let times =
        [listener.header_time_max, listener.idle_time_max, listener.body_pause_max, listener.write_stall_max, listener.drain_time_max];
    assert_eq!(times.map(|time| time.as_secs()), [4, 5, 6, 7, 11]);
    let paces = [settings.rates.principal, settings.rates.unproven].map(|pace| pace.map(|pace| (pace.per_second.get(), pace.burst.get())));
    assert_eq!(paces, [Some((9, 10)), Some((15, 16))]);
    assert_eq!((listener.streams_max, listener.cors.origins.len(), listener.cors.age.as_secs()), (8, 2, 17));
    assert_eq!(settings.metrics_listen.map(|address| address.to_string()).as_deref(), Some("[::1]:9090"));
    assert_eq!(settings.presign_life_max, Duration::from_secs(12));
    assert_eq!(settings.admin_socket, dir.path().join("a.sock"));
    assert_eq!(settings.index, IndexSettings::Sqlite(SqliteSettings { path: "/i".into(), readers: 13 }));
    assert_eq!(settings.store, BlobSettings::Local { directory: dir.path().join("blobs") });
    assert_eq!(settings.root.passphrase_file.as_deref().and_then(|path| path.to_str()), Some("/p"));
    assert_eq!(settings.leases.life, Duration::from_secs(14));
    assert_eq!(settings.aead, hozon::seal::Aead::AwsLc);
    assert_eq!((settings.log.level, settings.log.form), (tracing::Level::WARN, LogForm::Json));
    assert!(settings.deviations().is_empty());
}

#[test]
fn the_scrub_has_a_cycle_unless_it_is_switched_off_which_is_a_deviation() {
    let settings = read("[scrub]\ncycle_days = 18\nbytes_per_second = 1900000\n").unwrap();
    assert_eq!((settings.scrub.cycle, settings.scrub.bytes_per_second), (Some(Duration::from_secs(18 * 86_400)), 1_900_000));
    let off = read("[scrub]\ncycle_days = 0\n").unwrap();
    assert_eq!((off.scrub.cycle, off.deviations()), (None, vec![Deviation::RootInClear, Deviation::NoScrub, Deviation::NoBackup]));
    assert!(read("[scrub]\nbytes_per_second = 1\n").is_err());
}

#[test]
fn an_unknown_key_is_refused_where_it_stands() {
    let (line, column, reason) = place_and_reason("region = \"x\"\n[listener]\n  adress = \"127.0.0.1:1\"\n");
    assert_eq!((line, column), (3, 3));
    assert!(reason.contains("unknown field `adress`") && reason.contains("`address`"), "{reason}");
}

#[test]
fn a_wrong_type_is_refused_where_it_stands() {
    let (line, _, reason) = place_and_reason("[listener]\nconnections_max = \"many\"\n");
    assert_eq!(line, 2);
    assert!(reason.contains("string \"many\""), "{reason}");
}

#[test]
fn a_value_out_of_bounds_is_refused_where_it_stands() {
    for (text, line, says) in [
        ("[listener]\n\nidle_secs_max = 0\n", 3, "0 is not from 1 to 3600"),
        ("[listener]\naddress = \"localhost\"\n", 2, "socket address"),
        ("[admin]\nmetrics_listen = \"0.0.0.0:9090\"\n", 2, "is not a loopback address"),
        ("[cors]\nallowed_origins = [\"*\"]\n", 2, "is not an origin"),
        ("[cors]\nallowed_origins = [\"http://viewer.example\"]\n", 2, "is not an origin"),
        ("[cors]\nallowed_origins = [\"https://viewer.example/\"]\n", 2, "is not an origin"),
        ("[listener]\ntls = \"1.1\"\n", 2, "unknown variant `1.1`"),
        ("region = \"Tokyo!\"\n", 1, "`Tokyo!` is not a region"),
        ("[listener]\nbase_domain = \"S3:9000\"\n", 2, "not a host name"),
        ("[store]\n[store.s3]\nendpoint = \"https://e\"\n", 2, "missing field"),
        ("[listener\n", 1, ""),
    ] {
        let (found, _, reason) = place_and_reason(text);
        assert_eq!(found, line, "{text}: {reason}");
        assert!(reason.contains(says), "{text}: {reason}");
    }
}

#[test]
fn a_refusal_reads_as_file_line_column_reason() {
    let text = read("[listener]\nheaders_max = 1\n").unwrap_err().to_string();
    assert!(text.ends_with("hozon.toml:2:15: 1 is not from 16 to 1000"), "{text}");
}

#[test]
fn plain_http_goes_with_neither_the_strict_profile_nor_other_addresses() {
    let strict = read("[listener]\ntls = \"off\"\n").unwrap_err().to_string();
    assert!(strict.ends_with("hozon.toml: listener.tls = \"off\" is not possible with profile = \"strict-jp\""), "{strict}");
    let beyond = read("profile = \"dev\"\n[listener]\naddress = \"0.0.0.0:80\"\ntls = \"off\"\n").unwrap_err().to_string();
    assert!(beyond.contains("loopback"), "{beyond}");
}

#[test]
fn the_environment_overrides_the_file() {
    let variables = [
        ("HOZON__LISTENER__ADDRESS", "127.0.0.1:7"),
        ("HOZON__LISTENER__HEADERS_MAX", "99"),
        ("HOZON__REGION", "2024"),
        ("HOZON__ROOT__PASSPHRASE_FILE", "/secret"),
        ("OTHER", "x"),
    ];
    let settings = read_with("[listener]\nheaders_max = 50\n", &variables).unwrap();
    assert_eq!((settings.listener.address.port(), settings.listener.headers_max, settings.region.as_str()), (7, 99, "2024"));
    assert!(settings.root.passphrase_file.is_some());
}

#[test]
fn the_environment_can_add_a_section_that_is_whole_only_in_all_its_settings() {
    let variables = [
        ("HOZON__STORE__S3__ACCESS_KEY_ID", "id"),
        ("HOZON__STORE__S3__BUCKET", "bodies"),
        ("HOZON__STORE__S3__ENDPOINT", "https://objects.example"),
        ("HOZON__STORE__S3__REGION", "us-east-1"),
        ("HOZON__STORE__S3__SECRET_KEY_FILE", "/secret"),
    ];
    assert!(read_with("", &variables).is_ok());
    let error = read_with("", &variables[1..]).unwrap_err().to_string();
    assert!(error.contains("HOZON__STORE__S3__BUCKET, ") && error.contains("missing field `access_key_id`"), "{error}");
}

#[test]
fn a_wrong_variable_is_refused_by_its_name() {
    for (name, value, says) in [
        ("HOZON__LISTENER__ADRESS", "x", "unknown field `adress`"),
        ("HOZON__LISTENER__HEADERS_MAX", "1", "1 is not from 16 to 1000"),
        ("HOZON__REGION__X", "x", "names no setting"),
    ] {
        let refused = read_with("", &[(name, value)]).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("environment variable {name}: ")) && refused.contains(says), "{refused}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let refused = config::load(std::path::Path::new("/nowhere/hozon.toml")).unwrap_err();
    assert_eq!(refused.to_string(), "cannot read /nowhere/hozon.toml");
}

#[test]
fn weak_settings_are_deviations_of_the_strict_profile() {
    let text = "[listener]\ntls = \"1.2\"\nrequests_per_second = 0\n[log]\nlevel = \"debug\"\n";
    let all = [Deviation::Tls12, Deviation::RootInClear, Deviation::NoRate, Deviation::NoBackup, Deviation::DebugLog];
    assert_eq!(read(text).unwrap().deviations(), all);
}

#[test]
fn shipped_record_classes_carry_the_longer_of_two_legal_terms() {
    let settings = read("").unwrap();
    let xray = settings.record_classes.rule(&RecordClass::parse("image.xray").unwrap()).unwrap();
    assert_eq!(
        (xray.years_by_law, xray.years_kept, xray.start, xray.patient),
        (Some(3), Some(5), StartEvent::Completed, PatientNaming::Required)
    );
    assert_eq!(settings.job_types.proven_by("Medical Doctor").collect::<Vec<_>>(), ["physician"]);
    assert!(settings.job_types.job_type("medical_clerk").is_some());
}

fn catalogue(file: &str, key: &str, text: &str) -> Result<Settings, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(file), text).unwrap();
    let path = dir.path().join("hozon.toml");
    std::fs::write(&path, format!("[catalogue]\n{key} = \"{file}\"\n")).unwrap();
    config::read(&path, std::iter::empty())
}

#[test]
fn a_class_kept_for_fewer_years_than_the_law_wants_is_refused_where_it_stands() {
    let class = |law: u16, kept: u16| {
        format!(
            "[[class]]\nid = \"a.b\"\nlabel = \"x\"\nyears_by_law = {law}\nyears_kept = {kept}\nstart = \"created\"\nbasis = \"y\"\nproof = \"read\"\npatient = \"optional\"\n"
        )
    };
    let good = catalogue("c.toml", "record_classes", &class(2, 3)).unwrap();
    assert_eq!(good.record_classes.iter().count(), 1);
    let short = catalogue("c.toml", "record_classes", &format!("# mine\n\n{}", class(3, 2))).unwrap_err().to_string();
    assert!(short.ends_with("c.toml:3:1: class `a.b` is kept for fewer years than the law wants"), "{short}");
    let twice = catalogue("c.toml", "record_classes", &class(2, 3).repeat(2)).unwrap_err().to_string();
    assert!(twice.contains("c.toml:10:1: class `a.b` stands here twice"), "{twice}");
}

#[test]
fn a_job_type_code_has_one_shape_and_one_row() {
    let job = |code: &str| format!("[[job_type]]\ncode = \"{code}\"\nlabel = \"x\"\ngroup = \"support\"\nproof = \"read\"\n");
    assert!(catalogue("j.toml", "job_types", &job("porter")).is_ok());
    for bad in [job("Porter"), job("porter").repeat(2), job("porter").replace("support", "other")] {
        assert!(matches!(catalogue("j.toml", "job_types", &bad), Err(ConfigError::Wrong { .. })), "{bad}");
    }
}

#[test]
fn a_remote_store_is_reached_over_tls_or_on_this_machine() {
    let store = |endpoint: &str| {
        format!("[store.s3]\nendpoint = \"{endpoint}\"\nbucket = \"b\"\nregion = \"r\"\naccess_key_id = \"a\"\nsecret_key_file = \"/s\"\n")
    };
    for (endpoint, transport) in [("https://s3.example", Transport::Tls), ("http://[::1]:8333", Transport::PlainHttp)] {
        let settings = read(&store(endpoint)).unwrap();
        assert!(matches!(settings.store, BlobSettings::S3(s3) if s3.transport == transport && s3.endpoint.as_deref() == Some(endpoint)));
    }
    for endpoint in ["http://s3.example", "http://127.0.0.1.example", "s3.example", "ftp://localhost"] {
        let (line, _, reason) = place_and_reason(&store(endpoint));
        assert!(line == 2 && reason.contains("https:// URL"), "{reason}");
    }
}

const AZURE: &str = "[store.azure]\naccount = \"a\"\ncontainer = \"c\"\ncredential = \"sas\"\nsecret_file = \"s\"\n";
const GCS: &str = "[store.gcs]\nbucket = \"b\"\nservice_account_file = \"/a.json\"\nendpoint = \"http://localhost:4443\"\nprefix = \"p\"\n";

#[test]
fn azure_and_google_are_stores_by_configuration() {
    let BlobSettings::Azure(azure) = read(AZURE).unwrap().store else { panic!("not Azure") };
    assert_eq!((azure.account.as_str(), azure.container.as_str(), azure.credential), ("a", "c", AzureCredential::Sas));
    assert_eq!((azure.endpoint, azure.transport, azure.ca), (None, Transport::Tls, None));
    assert!(azure.secret_file.is_absolute(), "relative to the file that names it");
    let BlobSettings::Gcs(gcs) = read(GCS).unwrap().store else { panic!("not Google") };
    assert_eq!((gcs.bucket.as_str(), gcs.prefix.as_str(), gcs.service_account_file.to_str()), ("b", "p", Some("/a.json")));
    assert_eq!((gcs.endpoint.as_deref(), gcs.transport), (Some("http://localhost:4443"), Transport::PlainHttp));
    let plain = format!("{AZURE}endpoint = \"http://a.example\"\n");
    assert!(place_and_reason(&plain).2.contains("https:// URL"));
    assert!(place_and_reason(&AZURE.replace("sas", "password")).2.contains("unknown variant `password`"));
}

#[test]
fn every_remote_store_is_waited_for_as_the_section_says() {
    let times = "[store]\nconnect_secs_max = 1\nanswer_secs_max = 2\nrequest_secs_max = 30\nretries_max = 4\nretry_secs_max = 5\n";
    let seconds = Duration::from_secs;
    let wanted = Patience { connect: seconds(1), answer: seconds(2), request: seconds(30), retries: 4, retry_time: seconds(5) };
    let s3 = "[store.s3]\nendpoint = \"https://s\"\nbucket = \"b\"\nregion = \"r\"\naccess_key_id = \"a\"\nsecret_key_file = \"/s\"\n";
    for remote in [s3, AZURE, GCS] {
        let found = |text: String| match read(&text).unwrap().store {
            BlobSettings::S3(s3) => s3.patience,
            BlobSettings::Azure(azure) => azure.patience,
            BlobSettings::Gcs(gcs) => gcs.patience,
            other => panic!("{other:?}"),
        };
        assert_eq!(found(format!("{times}{remote}")), wanted);
        assert_eq!(found(remote.to_owned()), Patience::default());
    }
    for outside in ["connect_secs_max = 0", "answer_secs_max = 601", "request_secs_max = 9", "retries_max = 11", "retry_secs_max = 241"] {
        assert!(place_and_reason(&format!("[store]\n{outside}\n")).2.contains("is not from"), "{outside}");
    }
}

#[test]
fn a_replica_is_a_store_in_another_place() {
    assert_eq!(read("").unwrap().replica, None);
    let behind = read("[replica]\nmode = \"behind\"\ndirectory = \"/elsewhere\"\n").unwrap().replica.unwrap();
    assert_eq!((behind.mode, behind.failover_after), (ReplicaMode::Behind, Duration::from_secs(10)));
    assert_eq!(behind.store, BlobSettings::Local { directory: "/elsewhere".into() });
    let azure = AZURE.replace("store.azure", "replica.azure");
    let before =
        read(&format!("[store]\nretries_max = 7\n[replica]\nmode = \"before\"\nfailover_secs = 3\n{azure}")).unwrap().replica.unwrap();
    assert_eq!((before.mode, before.failover_after), (ReplicaMode::Before, Duration::from_secs(3)));
    assert!(matches!(before.store, BlobSettings::Azure(azure) if azure.patience.retries == 7), "waited for as the store is");

    let place = "replica names no place, or more than one: there must be one of directory, s3, azure and gcs";
    let same = "replica is the same place as store, or within it: it would be lost with it";
    let gcs = GCS.replace("store.gcs", "replica.gcs");
    for (text, wanted) in [
        ("[replica]\nmode = \"before\"\n".to_owned(), place),
        (format!("[replica]\nmode = \"before\"\ndirectory = \"/a\"\n{gcs}"), place),
        (format!("[replica]\nmode = \"before\"\n{azure}{gcs}"), place),
        ("[replica]\nmode = \"before\"\ndirectory = \"/var/lib/hozon/blobs\"\n".to_owned(), same),
        ("[replica]\nmode = \"before\"\ndirectory = \"/var/lib/hozon/blobs/replica\"\n".to_owned(), same),
        (format!("{GCS}[replica]\nmode = \"before\"\n{gcs}"), same),
    ] {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.ends_with(wanted), "{text}: {error}");
    }
    assert!(place_and_reason("[replica]\ndirectory = \"/a\"\n").2.contains("missing field `mode`"));
    let left = read("").unwrap().taken_over(read("[replica]\nmode = \"behind\"\ndirectory = \"/elsewhere\"\n").unwrap()).1;
    assert_eq!(left, ["replica"]);
}

#[test]
fn two_remote_stores_are_none() {
    let error = read(&format!("{AZURE}{GCS}")).unwrap_err();
    assert!(error.to_string().ends_with("store names more than one remote store: there can be one of s3, azure and gcs"), "{error}");
}

#[test]
fn a_database_elsewhere_is_reached_over_tls_only() {
    let index = |hosts: &str, more: &str| format!("[index.postgres]\nhosts = {hosts}\ndatabase = \"d\"\nuser = \"u\"\n{more}");
    let given = |hosts: &str, more: &str| match read(&index(hosts, more)).unwrap().index {
        IndexSettings::Postgres(settings) => settings,
        IndexSettings::Sqlite(_) => panic!("the file"),
    };
    let here = given("[\"localhost:5433\", \"/run/postgresql:5432\", \"[::1]:1\"]", "");
    let host = |name: &str, port| (name.to_owned(), port);
    assert_eq!(here.hosts, [host("localhost", 5433), host("/run/postgresql", 5432), host("::1", 1)]);
    assert_eq!((here.tls, here.connections_max, here.schema.as_str()), (PostgresTls::Off, 16, "hozon"));
    let there = given("[\"db.example:5432\"]", "ca = \"/ca.pem\"\nschema = \"h_2\"\nanswer_secs_max = 3");
    assert_eq!((there.tls, there.answer_time_max.as_secs()), (PostgresTls::Verified { ca: "/ca.pem".into() }, 3));
    for (hosts, more, says) in [
        ("[\"db.example:5432\"]", "", "index.postgres.ca is missing"),
        ("[]", "", "names no server"),
        ("[\"db.example\"]", "", "a database server with its port"),
        ("[\"localhost:5432\"]", "schema = \"x; DROP\"", "a schema, which has"),
        ("[\"localhost:5432\"]", "schema = \"pg_x\"", "a schema, which has"),
        ("[\"localhost:5432\"]", "connections_max = 1", "1 is not from 2 to 1000"),
    ] {
        let refused = read(&index(hosts, more)).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

#[test]
fn a_running_gateway_takes_over_what_it_can_and_names_the_rest() {
    let running = read("").unwrap();
    let changed = read(
        "region = \"eu-x\"\n[listener]\naddress = \"127.0.0.1:1\"\ntls = \"1.2\"\nidle_secs_max = 9\nrequests_per_second = 0\n\
         [s3]\npresign_secs_max = 5\n[index]\nreaders = 9\n[store]\ndirectory = \"/elsewhere\"\n[log]\nlevel = \"warn\"\nform = \"json\"\n\
         [scrub]\ncycle_days = 0\n",
    )
    .unwrap();
    let (now, left) = running.taken_over(changed.clone());
    assert!(["region", "listener.address", "listener.tls", "store", "log.form"].iter().all(|name| left.contains(name)), "{left:?}");
    assert!(!left.contains(&"listener.base_domain"));
    assert_eq!((now.region.as_str(), now.listener.address.port(), now.log.form), ("ap-northeast-1", 9000, LogForm::Text));
    assert!(matches!(&now.listener.wire, WireSettings::Tls(tls) if tls.versions == TlsVersions::Only13));
    assert_eq!((now.listener.idle_time_max.as_secs(), now.presign_life_max.as_secs()), (9, 5));
    assert_eq!((now.rates.principal, now.log.level, now.scrub.cycle), (None, tracing::Level::WARN, None));
    assert_eq!(now.index, running.index);
    // What has been taken over is not named again, what has not still is.
    assert_eq!(now.taken_over(changed).1, left);
}

#[test]
fn a_backup_is_kept_in_another_place_than_the_bodies() {
    assert_eq!(read("").unwrap().backup, None);
    let backup = read("[backup]\ndirectory = \"/elsewhere\"\n").unwrap().backup.unwrap();
    assert_eq!((backup.keeper.snapshot_every, backup.keeper.ship_every), (Duration::from_secs(86_400), Some(Duration::from_secs(1))));
    let azure = AZURE.replace("store.azure", "backup.azure");
    let rare = read(&format!("[backup]\nsnapshot_hours = 6\nship_secs = 0\n{azure}")).unwrap().backup.unwrap();
    assert_eq!((rare.keeper.snapshot_every, rare.keeper.ship_every), (Duration::from_secs(6 * 3_600), None));
    let place = "backup names no place, or more than one: there must be one of directory, s3, azure and gcs";
    let same = "backup is the same place as store or replica, or within it: it would be lost with it";
    for (text, reason) in [
        ("[backup]\n".to_owned(), place),
        (format!("[backup]\ndirectory = \"/a\"\n{azure}"), place),
        ("[backup]\ndirectory = \"/var/lib/hozon/blobs/backup\"\n".to_owned(), same),
        ("[replica]\nmode = \"behind\"\ndirectory = \"/r\"\n[backup]\ndirectory = \"/r\"\n".to_owned(), same),
    ] {
        let refused = read(&text).unwrap_err();
        assert!(std::error::Error::source(&refused).map_or_else(|| refused.to_string(), ToString::to_string).contains(reason), "{refused}");
    }
    // Where it is holds from the next start on; how often it is written holds at once.
    let old = read("[backup]\ndirectory = \"/elsewhere\"\n").unwrap();
    let (now, left) = old.taken_over(read("[backup]\ndirectory = \"/elsewhere\"\nship_secs = 5\n").unwrap());
    assert_eq!((now.backup.unwrap().keeper.ship_every, left), (Some(Duration::from_secs(5)), Vec::new()));
    assert_eq!(old.taken_over(read("[backup]\ndirectory = \"/other\"\n").unwrap()).1, ["backup"]);
}
