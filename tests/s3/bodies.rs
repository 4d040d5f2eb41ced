//! Bodies as clients send them: whole, in chunks, with checksums before and after.

use crate::gateway::{Ask, Gateway, Person, Told};
use crate::signing::{sha256, stamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

const CRC32_OF_DIGITS: &str = "y/Q5Jg==";

async fn with_bucket() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    (gateway, app)
}

/// Sends with a payload hash of one's own choosing.
async fn send(gateway: &Gateway, who: &Person, ask: &Ask, payload: &str) -> Told {
    let mut request = ask.request();
    who.key.sign(&mut request, payload, &stamp(0));
    gateway.send(request, ask.body.clone()).await
}

fn chunked(pieces: &[&[u8]], trailer: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for piece in pieces {
        body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
    body
}

fn with_trailer(body: Vec<u8>) -> Ask {
    Ask::put("/files/k", body)
        .with("content-encoding", "aws-chunked")
        .with("x-amz-decoded-content-length", "9")
        .with("x-amz-trailer", "x-amz-checksum-crc32")
        .with("x-amz-sdk-checksum-algorithm", "CRC32")
}

#[tokio::test]
async fn an_unsigned_payload_with_a_trailer_is_checked_against_it() {
    let (gateway, app) = with_bucket().await;
    let kind = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    let good = chunked(&[b"12345", b"6789"], &format!("x-amz-checksum-crc32:{CRC32_OF_DIGITS}\r\n"));
    let put = send(&gateway, &app, &with_trailer(good), kind).await.good();
    assert_eq!(put.header("x-amz-checksum-crc32"), Some(CRC32_OF_DIGITS));
    let told = gateway.ask(&app, &Ask::get("/files/k")).await.good();
    assert_eq!((told.text(), told.header("content-encoding")), ("123456789", None));

    let wrong = chunked(&[b"123456780"], &format!("x-amz-checksum-crc32:{CRC32_OF_DIGITS}\r\n"));
    assert_eq!(send(&gateway, &app, &with_trailer(wrong), kind).await.code(), "BadDigest");
    let missing = chunked(&[b"123456789"], "");
    assert!(!send(&gateway, &app, &with_trailer(missing), kind).await.status.is_success());
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k")).await.text(), "123456789");
}

#[tokio::test]
async fn signed_chunks_are_checked_one_by_one() {
    let (gateway, app) = with_bucket().await;
    let now = stamp(0);
    for (tampered, code) in [(false, "200"), (true, "SignatureDoesNotMatch")] {
        let pieces: [&[u8]; 3] = [&[7; 65_536], b"the rest", b""];
        let ask = Ask::put("/files/k", "").with("content-encoding", "aws-chunked").with("x-amz-decoded-content-length", "65544");
        let mut request = ask.request();
        request.headers.remove("content-length");
        let mut signature = app.key.sign(&mut request, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", &now);
        let mut body = Vec::new();
        for piece in pieces {
            signature = app.key.chunk(&signature, piece, &now);
            body.extend_from_slice(format!("{:x};chunk-signature={signature}\r\n", piece.len()).as_bytes());
            body.extend_from_slice(piece);
            body.extend_from_slice(b"\r\n");
        }
        if tampered {
            let at = body.windows(8).position(|window| window == b"the rest").unwrap();
            body[at] ^= 1;
        }
        let told = gateway.send(request, body).await;
        assert_eq!(told.code(), code);
    }
}

#[tokio::test]
async fn a_body_in_chunks_ends_with_the_last_one() {
    let (gateway, app) = with_bucket().await;
    let now = stamp(0);
    let ask = Ask::put("/files/k", "").with("content-encoding", "aws-chunked").with("x-amz-decoded-content-length", "3");
    let mut request = ask.request();
    request.headers.remove("content-length");
    let seed = app.key.sign(&mut request, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", &now);
    let body = format!("3;chunk-signature={}\r\nabc\r\n", app.key.chunk(&seed, b"abc", &now));
    assert_eq!(gateway.send(request.clone(), body.into_bytes()).await.code(), "IncompleteBody");
    let large = b"ffffffff;chunk-signature=00\r\n".to_vec();
    assert_eq!(gateway.send(request, large).await.code(), "InvalidRequest");
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k")).await.code(), "NoSuchKey");
}

#[tokio::test]
async fn signed_trailers_are_checked() {
    let (gateway, app) = with_bucket().await;
    let now = stamp(0);
    let mut request = with_trailer(Vec::new()).request();
    request.headers.remove("content-length");
    let seed = app.key.sign(&mut request, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", &now);
    let first = app.key.chunk(&seed, b"123456789", &now);
    let last = app.key.chunk(&first, b"", &now);
    let trailers = format!("x-amz-checksum-crc32:{CRC32_OF_DIGITS}\n");
    let signature = app.key.trailer(&last, &trailers, &now);
    let body = format!(
        "9;chunk-signature={first}\r\n123456789\r\n0;chunk-signature={last}\r\n\
         x-amz-checksum-crc32:{CRC32_OF_DIGITS}\r\nx-amz-trailer-signature:{signature}\r\n\r\n"
    );
    gateway.send(request, body.into_bytes()).await.good();
}

#[tokio::test]
async fn a_payload_with_another_hash_is_not_stored() {
    let (gateway, app) = with_bucket().await;
    let told = send(&gateway, &app, &Ask::put("/files/k", "what came"), &sha256(b"what was signed")).await;
    assert_eq!(told.code(), "XAmzContentSHA256Mismatch");
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k")).await.code(), "NoSuchKey");
    send(&gateway, &app, &Ask::put("/files/k", "v"), "UNSIGNED-PAYLOAD").await.good();
}

#[tokio::test]
async fn every_stated_checksum_is_compared_and_kept() {
    let (gateway, app) = with_bucket().await;
    let body = "123456789";
    for (name, value) in [
        ("x-amz-checksum-crc32", CRC32_OF_DIGITS),
        ("x-amz-checksum-crc32c", "4waSgw=="),
        ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
        ("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
        ("x-amz-checksum-sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
    ] {
        gateway.ask(&app, &Ask::put("/files/k", body).with(name, value)).await.good();
        let told = gateway.ask(&app, &Ask::head("/files/k").with("x-amz-checksum-mode", "ENABLED")).await.good();
        assert_eq!(told.header(name), Some(value));
        assert_eq!(gateway.ask(&app, &Ask::put("/files/k", "other").with(name, value)).await.code(), "BadDigest", "{name}");
        assert_eq!(gateway.ask(&app, &Ask::put("/files/k", body).with(name, "!")).await.code(), "InvalidRequest", "{name}");
    }
    let md5 = "JfnnlDI7RTiF9RgfG2JNCw==";
    gateway.ask(&app, &Ask::put("/files/k", body).with("content-md5", md5)).await.good();
    assert_eq!(gateway.ask(&app, &Ask::put("/files/k", "other").with("content-md5", md5)).await.code(), "BadDigest");
    assert_eq!(gateway.ask(&app, &Ask::put("/files/k", body).with("content-md5", "x")).await.code(), "InvalidDigest");
}

#[tokio::test]
async fn a_checksum_is_not_told_of_a_piece() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "123456789").with("x-amz-checksum-crc32", CRC32_OF_DIGITS)).await.good();
    let piece = gateway.ask(&app, &Ask::get("/files/k").with("x-amz-checksum-mode", "ENABLED").with("range", "bytes=0-3")).await;
    assert_eq!(piece.good().header("x-amz-checksum-crc32"), None);
    let unasked = gateway.ask(&app, &Ask::get("/files/k")).await.good();
    assert_eq!(unasked.header("x-amz-checksum-crc32"), None);
}

#[tokio::test]
async fn the_digest_of_a_document_is_compared() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/a", "v")).await.good();
    let document = "<Delete><Object><Key>a</Key></Object></Delete>";
    let md5 = BASE64.encode(<md5::Md5 as md5::Digest>::digest(b"another document"));
    assert_eq!(gateway.ask(&app, &Ask::post("/files?delete", document).with("content-md5", md5)).await.code(), "BadDigest");
    let told = gateway.ask(&app, &Ask::post("/files?delete", document).with("x-amz-checksum-crc32", "AAAAAA==")).await;
    assert_eq!(told.code(), "BadDigest");
    gateway.ask(&app, &Ask::get("/files/a")).await.good();
    let md5 = BASE64.encode(<md5::Md5 as md5::Digest>::digest(document.as_bytes()));
    gateway.ask(&app, &Ask::post("/files?delete", document).with("content-md5", md5)).await.good();
    assert_eq!(gateway.ask(&app, &Ask::get("/files/a")).await.code(), "NoSuchKey");
}

#[tokio::test]
async fn a_body_of_another_length_is_not_stored() {
    let (gateway, app) = with_bucket().await;
    let told = send(&gateway, &app, &Ask::put("/files/k", "123456").with("content-length", "9"), "UNSIGNED-PAYLOAD").await;
    assert_eq!(told.code(), "IncompleteBody");
    let told = send(&gateway, &app, &Ask::put("/files/k", "1").with("content-length", "5368709121"), "UNSIGNED-PAYLOAD").await;
    assert_eq!(told.code(), "EntityTooLarge");
    let mut request = Ask::put("/files/k", "123").request();
    request.headers.remove("content-length");
    app.key.sign(&mut request, "UNSIGNED-PAYLOAD", &stamp(0));
    let told = gateway.send(request, b"123".to_vec()).await;
    assert!(matches!(told.code().as_str(), "MissingContentLength" | "200"), "{}", told.code());
    let large = vec![b' '; 3 << 20];
    assert_eq!(gateway.ask(&app, &Ask::post("/files?delete", large)).await.code(), "MaxMessageLengthExceeded");
}
