//! An S3 service that fails, is slow or is silent: how often it is asked again, and how long it is waited for.

use super::frames::{NOW, blob};
use bytes::Bytes;
use hozon::blob::{BlobError, BlobSettings, BlobStore, Patience, S3Settings, Transport};
use hozon::domain::Location;
use std::collections::VecDeque;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the service does with one request. The last is done with every further one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// Gives or takes what it should.
    Works,
    /// Says that it failed.
    Fails,
    /// Says that the caller may not.
    Refuses,
    /// Closes the connection without a word.
    HangsUp,
    /// Says nothing.
    Silence,
    /// Begins its answer and falls silent in the middle.
    Stops,
}

struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    secret: tempfile::TempDir,
}

/// A request as it came: its first word and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    method: String,
    body: Bytes,
    at: Instant,
}

const CONTENT: &[u8; 1_000] = &[7; 1_000];

impl Service {
    async fn that(does: &[Does]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, script) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::new(Mutex::new(VecDeque::from(does.to_vec()))));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(one(stream, Arc::clone(&heard), Arc::clone(&script)));
            }
        });
        Self { address, asked, secret: tempfile::tempdir().unwrap() }
    }

    fn store(&self, patience: Patience) -> BlobStore {
        open(self.address, &self.secret, patience)
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn open(address: SocketAddr, secret: &tempfile::TempDir, patience: Patience) -> BlobStore {
    let secret_file = secret.path().join("secret");
    fs::write(&secret_file, "secret").unwrap();
    fs::set_permissions(&secret_file, fs::Permissions::from_mode(0o600)).unwrap();
    let settings = S3Settings {
        endpoint: Some(format!("http://{address}")),
        bucket: "blobs".to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: "id".to_owned(),
        secret_file,
        prefix: String::new(),
        transport: Transport::PlainHttp,
        ca: None,
        patience,
    };
    BlobStore::open(&BlobSettings::S3(settings)).unwrap()
}

async fn one(mut stream: TcpStream, heard: Arc<Mutex<Vec<Asked>>>, script: Arc<Mutex<VecDeque<Does>>>) {
    let Some(asked) = request(&mut stream).await else { return };
    let method = asked.method.clone();
    heard.lock().unwrap().push(asked);
    let does = {
        let mut script = script.lock().unwrap();
        if script.len() > 1 { script.pop_front().unwrap() } else { *script.front().unwrap() }
    };
    let head = "HTTP/1.1 206 Partial Content\r\nconnection: close\r\ncontent-length: 1000\r\ncontent-range: bytes 0-999/1000\r\n\
                etag: \"1\"\r\nlast-modified: Mon, 23 Nov 2026 14:00:00 GMT\r\n\r\n";
    let answer = match does {
        Does::Works if method == "GET" => [head.as_bytes(), CONTENT].concat(),
        Does::Works => b"HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n".to_vec(),
        Does::Fails => b"HTTP/1.1 503 Slow Down\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec(),
        Does::Refuses => b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec(),
        Does::Stops => [head.as_bytes(), CONTENT.get(..500).unwrap()].concat(),
        Does::HangsUp => return,
        Does::Silence => Vec::new(),
    };
    stream.write_all(&answer).await.unwrap();
    if matches!(does, Does::Silence | Does::Stops) {
        // As long as the client stays.
        let _gone = stream.read_to_end(&mut Vec::new()).await;
    }
}

async fn request(stream: &mut TcpStream) -> Option<Asked> {
    let (mut read, at) = (Vec::new(), Instant::now());
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(read.get(..end).unwrap()).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
    while read.len() < end + length {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    let method = head.split(' ').next().unwrap().to_uppercase();
    Some(Asked { method, body: Bytes::from(read.split_off(end)), at })
}

/// Seconds are milliseconds here.
const QUICK: Patience = Patience {
    connect: Duration::from_millis(300),
    answer: Duration::from_millis(300),
    request: Duration::from_millis(2_000),
    retries: 3,
    retry_time: Duration::from_secs(20),
};

async fn read(store: &BlobStore) -> Result<u64, BlobError> {
    store.read(&Location { blob: blob(), offset: 0, length: 1_000 }, 0..1_000).await.map(|read| read.len())
}

#[tokio::test]
async fn a_read_is_asked_again_until_the_service_works() {
    for failure in [Does::Fails, Does::HangsUp, Does::Silence, Does::Stops] {
        let service = Service::that(&[failure, failure, Does::Works]).await;
        assert_eq!(read(&service.store(QUICK)).await.unwrap(), 1_000, "{failure:?}");
        let asked = service.asked();
        assert_eq!(asked.len(), 3, "{failure:?}");
        assert!(asked.windows(2).all(|two| two[1].at - two[0].at >= Duration::from_millis(90)), "without a pause: {failure:?}");
    }
}

#[tokio::test]
async fn a_read_is_asked_again_only_so_often() {
    for retries in [0, 2] {
        let service = Service::that(&[Does::Fails]).await;
        let failed = read(&service.store(Patience { retries, ..QUICK })).await;
        assert!(matches!(failed, Err(BlobError::Store { .. })), "{failed:?}");
        // The size is asked for then, as often: HEAD.
        let gets = service.asked().iter().filter(|asked| asked.method == "GET").count();
        assert_eq!(gets, retries + 1);
    }
}

#[tokio::test]
async fn what_the_service_refuses_is_not_asked_again() {
    let service = Service::that(&[Does::Refuses]).await;
    assert!(read(&service.store(QUICK)).await.is_err());
    assert_eq!(service.asked().iter().filter(|asked| asked.method == "GET").count(), 1);
}

#[tokio::test]
async fn a_silent_service_holds_a_read_no_longer_than_it_may() {
    for silence in [Does::Silence, Does::Stops] {
        let service = Service::that(&[silence]).await;
        let store = service.store(Patience { retry_time: Duration::from_millis(200), ..QUICK });
        let began = Instant::now();
        assert!(read(&store).await.is_err());
        assert!(service.asked().iter().all(|asked| asked.method == "GET"), "and then it was waited for again, for the size");
        assert!(began.elapsed() >= QUICK.answer, "{silence:?} was given up after {:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_millis(2_500), "{silence:?} held a read for {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_request_ends_as_a_whole_though_its_answer_trickles() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                request(&mut stream).await;
                let head = b"HTTP/1.1 206 Partial Content\r\ncontent-length: 1000\r\ncontent-range: bytes 0-999/1000\r\n\
                             etag: \"1\"\r\nlast-modified: Mon, 23 Nov 2026 14:00:00 GMT\r\n\r\n";
                let mut going = stream.write_all(head).await.is_ok();
                while going {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    going = stream.write_all(b"x").await.is_ok();
                }
            });
        }
    });
    let secret = tempfile::tempdir().unwrap();
    let store = open(address, &secret, Patience { request: Duration::from_millis(500), retries: 0, ..QUICK });
    let began = Instant::now();
    assert!(read(&store).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_service_that_takes_no_connection_is_given_up() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Connections that nobody accepts, until the kernel takes no more.
    let mut held = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        held.push(stream);
        assert!(held.len() < 100, "the kernel takes every connection");
    }
    let secret = tempfile::tempdir().unwrap();
    let store = open(address, &secret, Patience { retries: 1, ..QUICK });
    let began = Instant::now();
    assert!(read(&store).await.is_err());
    assert!(began.elapsed() >= QUICK.connect && began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_write_is_sent_again_whole_and_acknowledged_once_it_arrived() {
    for failure in [Does::Fails, Does::HangsUp, Does::Silence] {
        let service = Service::that(&[failure, Does::Works]).await;
        let store = service.store(QUICK);
        let stored = super::frames::Version::new().store(&store, 5_000).await;
        let asked = service.asked();
        assert_eq!(asked.iter().map(|asked| asked.method.as_str()).collect::<Vec<_>>(), ["PUT", "PUT"], "{failure:?}");
        assert!(asked[0].body == asked[1].body && asked[0].body.len() as u64 == stored.location().length);
    }
}

#[tokio::test]
async fn a_service_that_fails_every_write_is_no_store() {
    let service = Service::that(&[Does::Fails]).await;
    let failed = super::frames::Version::new().write(service.store(QUICK).writer(blob()), 5_000).await;
    assert!(matches!(failed, Err(BlobError::Store { .. })), "{failed:?}");
    assert_eq!(service.asked().len(), QUICK.retries + 1);
    assert!(service.store(QUICK).probe(NOW).await.is_err());
}
