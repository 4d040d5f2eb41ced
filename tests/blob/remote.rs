use super::frames::{NOW, Version, body};
use futures::TryStreamExt;
use hozon::blob::{BlobError, BlobSettings, BlobStore, S3Settings, Scope, Transport};
use hozon::domain::Location;
use std::os::unix::fs::PermissionsExt;

/// A store in the bucket that the environment names.
fn open(directory: &std::path::Path) -> BlobStore {
    let setting = |name: &str| std::env::var(format!("HOZON_TEST_S3_{name}")).unwrap();
    let secret_file = directory.join("secret");
    std::fs::write(&secret_file, setting("SECRET_KEY")).unwrap();
    std::fs::set_permissions(&secret_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let settings = S3Settings {
        endpoint: Some(setting("ENDPOINT")),
        bucket: setting("BUCKET"),
        region: "us-east-1".to_owned(),
        access_key_id: setting("ACCESS_KEY"),
        secret_file,
        prefix: format!("test/{}", uuid::Uuid::new_v4().simple()),
        transport: Transport::PlainHttp,
        ca: None,
    };
    BlobStore::open(&BlobSettings::S3(settings)).unwrap()
}

#[ignore = "needs an S3 service and HOZON_TEST_S3_ENDPOINT, _BUCKET, _ACCESS_KEY, _SECRET_KEY"]
#[tokio::test]
async fn a_real_s3_service_keeps_its_promises() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = open(directory.path());
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
        let many = blobs.read_many(stored.location(), vec![length - 24..length, 0..80]).await.unwrap();
        assert_eq!(many.iter().map(hozon::blob::SealedBytes::len).collect::<Vec<_>>(), [24, 80]);
    }
    let listed: Vec<_> = blobs.list(Scope::All).try_collect().await.unwrap();
    assert_eq!(listed.len(), 4);
    for found in listed {
        blobs.delete(found.blob).await.unwrap();
    }
    assert!(blobs.list(Scope::All).try_collect::<Vec<_>>().await.unwrap().is_empty());
}
