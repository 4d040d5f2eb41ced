use super::frames::{NOW, Version, body};
use super::weed::{ACCESS_KEY, BUCKET, Door, Weed};
use futures::TryStreamExt;
use hozon::blob::{BlobError, BlobSettings, BlobStore, Patience, S3Settings, Scope, Transport};
use hozon::domain::Location;

fn open(weed: &Weed) -> BlobStore {
    let settings = S3Settings {
        endpoint: Some(weed.endpoint()),
        bucket: BUCKET.to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: ACCESS_KEY.to_owned(),
        secret_file: weed.secret_file(),
        prefix: "test".to_owned(),
        transport: Transport::PlainHttp,
        ca: None,
        patience: Patience::default(),
    };
    BlobStore::open(&BlobSettings::S3(settings)).unwrap()
}

#[ignore = "needs SeaweedFS, and curl"]
#[tokio::test]
async fn a_real_s3_service_keeps_its_promises() {
    let weed = Weed::start(Door::Plain);
    let blobs = open(&weed);
    let report = blobs.probe(NOW).await.unwrap();
    eprintln!("{report:?}");
    for size in [0, 5_000, 3_000_000, 20_000_000] {
        let version = Version::new();
        let stored = version.store(&blobs, size).await;
        assert!(version.open(&blobs, &stored, 16).await == body(size));
        assert_eq!(blobs.checksum(stored.location()).await.unwrap(), stored.crc());
        let Location { blob, length, .. } = *stored.location();
        let longer = Location { blob, offset: 0, length: length + 10 };
        for range in [length - 100..length + 1, length..length + 1] {
            let read = blobs.read(&longer, range.clone()).await;
            assert!(matches!(read, Err(BlobError::Truncated { .. })), "{range:?} of {length}: {read:?}");
        }
        let many = blobs.reader(stored.location()).read_many(vec![length - 24..length, 0..80]).await.unwrap();
        assert_eq!(many.iter().map(hozon::blob::SealedBytes::len).collect::<Vec<_>>(), [24, 80]);
    }
    let listed: Vec<_> = blobs.list(Scope::All).try_collect().await.unwrap();
    assert_eq!(listed.len(), 4);
    for found in listed {
        blobs.delete(found.blob).await.unwrap();
    }
    assert!(blobs.list(Scope::All).try_collect::<Vec<_>>().await.unwrap().is_empty());
}
