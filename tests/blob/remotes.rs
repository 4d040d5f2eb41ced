//! Remote stores as they are configured: nothing here is asked over a network.

use hozon::blob::{AzureCredential, AzureSettings, BlobSettings, BlobStore, GcsSettings, OpenStoreError, Patience, S3Settings, Transport};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn all(secret_file: &Path) -> [(BlobSettings, bool, &'static str); 3] {
    [
        (BlobSettings::S3(s3(secret_file)), cfg!(feature = "s3-store"), "s3-store"),
        (BlobSettings::Azure(azure(secret_file)), cfg!(feature = "azure-store"), "azure-store"),
        (BlobSettings::Gcs(gcs(secret_file)), cfg!(feature = "gcs-store"), "gcs-store"),
    ]
}

fn s3(secret_file: &Path) -> S3Settings {
    S3Settings {
        endpoint: Some("https://127.0.0.1:1".to_owned()),
        bucket: "blobs".to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: "id".to_owned(),
        secret_file: secret_file.to_owned(),
        prefix: String::new(),
        transport: Transport::Tls,
        ca: None,
        patience: Patience::default(),
    }
}

fn azure(secret_file: &Path) -> AzureSettings {
    AzureSettings {
        account: "hospital".to_owned(),
        container: "blobs".to_owned(),
        credential: AzureCredential::AccessKey,
        secret_file: secret_file.to_owned(),
        endpoint: None,
        prefix: String::new(),
        transport: Transport::Tls,
        ca: None,
        patience: Patience::default(),
    }
}

fn gcs(secret_file: &Path) -> GcsSettings {
    GcsSettings {
        bucket: "blobs".to_owned(),
        service_account_file: secret_file.to_owned(),
        endpoint: None,
        prefix: String::new(),
        transport: Transport::Tls,
        ca: None,
        patience: Patience::default(),
    }
}

/// A file of mode 0600 with `content`.
fn private(directory: &tempfile::TempDir, content: &str) -> PathBuf {
    let path = directory.path().join("secret");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_store_that_is_not_built_in_is_refused_by_name() {
    for (settings, is_built_in, feature) in all(Path::new("/nonexistent")) {
        match BlobStore::open(&settings) {
            Err(OpenStoreError::NotBuiltIn { feature: named, .. }) => assert!(!is_built_in && named == feature, "{named}"),
            Err(OpenStoreError::File { path, .. }) => assert!(is_built_in && path == Path::new("/nonexistent")),
            other => panic!("{other:?}"),
        }
    }
    let error = OpenStoreError::NotBuiltIn { kind: "Azure Blob Storage", feature: "azure-store" };
    assert_eq!(error.to_string(), "this program was built without Azure Blob Storage as a store (feature `azure-store`)");
}

#[test]
fn the_secret_of_a_remote_store_must_be_private_and_there() {
    let directory = tempfile::tempdir().unwrap();
    for (settings, _, _) in all(&directory.path().join("secret")).into_iter().filter(|(_, is_built_in, _)| *is_built_in) {
        let path = private(&directory, "secret\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(BlobStore::open(&settings), Err(OpenStoreError::OpenToOthers { .. })), "{settings:?}");
        for nothing in ["\n".to_owned(), "x".repeat(20_000)] {
            private(&directory, &nothing);
            assert!(matches!(BlobStore::open(&settings), Err(OpenStoreError::NoSecret { .. })), "{settings:?}");
        }
    }
}

#[test]
fn a_certificate_of_an_authority_must_be_one() {
    let directory = tempfile::tempdir().unwrap();
    // A key that is right for S3 and Azure, so that only the authority is wrong.
    let secret = private(&directory, "c2VjcmV0");
    let missing = Some(directory.path().join("no.pem"));
    for (mut settings, _, _) in all(&secret).into_iter().filter(|(_, is_built_in, _)| *is_built_in) {
        match &mut settings {
            BlobSettings::S3(s3) => s3.ca.clone_from(&missing),
            BlobSettings::Azure(azure) => azure.ca.clone_from(&missing),
            BlobSettings::Gcs(gcs) => gcs.ca.clone_from(&missing),
            BlobSettings::Local { .. } | BlobSettings::Memory => panic!("not remote"),
        }
        let opened = BlobStore::open(&settings);
        assert!(matches!(&opened, Err(OpenStoreError::File { path, .. }) if path.ends_with("no.pem")), "{opened:?}");
    }
}

#[cfg(feature = "s3-store")]
#[test]
fn s3_opens_with_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    assert!(BlobStore::open(&BlobSettings::S3(s3(&private(&directory, "secret")))).is_ok());
}

#[cfg(feature = "azure-store")]
#[test]
fn azure_opens_with_a_key_or_a_signature_and_with_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let open = |secret: &str, credential| {
        let settings = AzureSettings { credential, ..azure(&private(&directory, secret)) };
        BlobStore::open(&BlobSettings::Azure(settings))
    };
    assert!(open("c2VjcmV0\n", AzureCredential::AccessKey).is_ok());
    assert!(open("?sv=2024-11-04&ss=b&sig=abc%3D", AzureCredential::Sas).is_ok());
    for (secret, credential) in [("no base64!", AzureCredential::AccessKey), ("no signature", AzureCredential::Sas)] {
        let refused = open(secret, credential);
        assert!(matches!(refused, Err(OpenStoreError::Store { .. })), "{refused:?}");
        assert!(!format!("{:?}", refused.unwrap_err()).contains(secret), "the secret is shown");
    }
}

#[cfg(feature = "gcs-store")]
#[test]
fn google_opens_with_a_service_account_and_with_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let open = |account: &str| BlobStore::open(&BlobSettings::Gcs(gcs(&private(&directory, account))));
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let account = serde_json::json!({
        "type": "service_account", "private_key_id": "1", "client_email": "hozon@example", "private_key": key.serialize_pem(),
    });
    let opened = open(&account.to_string());
    assert!(opened.is_ok(), "{opened:?}");
    for wrong in ["a secret", "{}", &account.to_string().replace("BEGIN PRIVATE", "BEGIN PUBLIC")] {
        assert!(matches!(open(wrong), Err(OpenStoreError::Store { .. })));
    }
}
