//! The baseline: the same way of reading, writing and serving, with a copy where the gateway seals or opens.

use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;

const SEGMENT: usize = 256 << 10;

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, std::io::Error>;

/// Serves and takes files of `dir`, with the certificate that lies there, until killed.
pub(crate) fn serve(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let acceptor = tokio_rustls::TlsAcceptor::from(super::process::server_tls(dir));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let files = dir.join("direct");
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(dir.join("direct.port"), listener.local_addr().unwrap().port().to_string()).unwrap();
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            tcp.set_nodelay(true).unwrap();
            let (acceptor, files) = (acceptor.clone(), files.clone());
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let service = hyper::service::service_fn(move |request| answer(files.clone(), request));
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _closed = server.serve_connection(TokioIo::new(tls), service).await;
            });
        }
    });
}

async fn answer(files: PathBuf, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
    let path = files.join(request.uri().path().trim_start_matches('/'));
    if request.method() == Method::PUT {
        take(path, request.into_body()).await;
        return Ok(Response::new(http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()));
    }
    let file = Arc::new(File::open(path)?);
    let length = file.metadata()?.len();
    let segments = (0..length.div_ceil(SEGMENT as u64)).map(move |segment| {
        let file = Arc::clone(&file);
        async move {
            tokio::task::spawn_blocking(move || {
                let start = segment * SEGMENT as u64;
                let wanted = usize::try_from(length - start).unwrap().min(SEGMENT);
                // Read into one buffer and copied into another, as the gateway reads and opens.
                let mut sealed = vec![0; wanted];
                file.read_exact_at(&mut sealed, start)?;
                Ok(Frame::data(Bytes::from(sealed.clone())))
            })
            .await
            .unwrap()
        }
    });
    let body = StreamBody::new(stream::iter(segments).buffered(2)).boxed_unsync();
    Ok(Response::builder().header("content-length", length).body(body).unwrap())
}

async fn take(path: PathBuf, mut body: Incoming) {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside).unwrap();
    let mut segment = BytesMut::with_capacity(SEGMENT);
    let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
    let mut framing = Framing::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.unwrap().into_data() else { continue };
        if let Some(piece) = framing.payload(&data) {
            crc.update(piece);
            segment.extend_from_slice(piece);
            if segment.len() >= SEGMENT {
                let full = segment.split().freeze();
                file = tokio::task::spawn_blocking(move || {
                    file.write_all(&full).unwrap();
                    file
                })
                .await
                .unwrap();
            }
        }
    }
    assert_ne!(crc.finalize(), 0);
    tokio::task::spawn_blocking(move || {
        file.write_all(&segment).unwrap();
        file.sync_all().unwrap();
        std::fs::rename(&beside, &path).unwrap();
        File::open(path.parent().unwrap()).unwrap().sync_all().unwrap();
    })
    .await
    .unwrap();
}

/// Strips the one chunk that the bench's client sends in aws-chunked framing.
#[derive(Default)]
struct Framing {
    head: Vec<u8>,
    left: Option<usize>,
}

impl Framing {
    fn payload<'a>(&mut self, mut data: &'a [u8]) -> Option<&'a [u8]> {
        if self.left.is_none() {
            let end = data.iter().position(|byte| *byte == b'\n')?;
            self.head.extend_from_slice(&data[..end]);
            let text = String::from_utf8_lossy(&self.head).trim().to_owned();
            self.left = Some(usize::from_str_radix(&text, 16).unwrap());
            data = &data[end + 1..];
        }
        let left = self.left.as_mut()?;
        let piece = &data[..data.len().min(*left)];
        *left -= piece.len();
        (!piece.is_empty()).then_some(piece)
    }
}
