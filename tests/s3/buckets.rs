//! Buckets and the small questions about them.

use crate::gateway::{Ask, Gateway};
use hozon::domain::Right;
use http::StatusCode;

#[tokio::test]
async fn a_bucket_is_made_found_and_deleted() {
    let (gateway, app) = Gateway::with_app().await;
    let made = gateway.ask(&app, &Ask::put("/files", "")).await.good();
    assert_eq!(made.header("location"), Some("/files"));
    assert_eq!(gateway.ask(&app, &Ask::put("/files", "")).await.code(), "BucketAlreadyOwnedByYou");
    let head = gateway.ask(&app, &Ask::head("/files")).await.good();
    assert_eq!(head.header("x-amz-bucket-region"), Some("ap-northeast-1"));
    let location = gateway.ask(&app, &Ask::get("/files?location")).await.good();
    assert!(location.text().contains(">ap-northeast-1</LocationConstraint>"), "{}", location.text());
    gateway.ask(&app, &Ask::put("/files/k", "v")).await.good();
    assert_eq!(gateway.ask(&app, &Ask::delete("/files")).await.code(), "BucketNotEmpty");
    gateway.ask(&app, &Ask::delete("/files/k")).await.good();
    assert_eq!(gateway.ask(&app, &Ask::delete("/files")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(gateway.ask(&app, &Ask::head("/files")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_bucket_lies_in_our_region_and_has_a_good_name() {
    let (gateway, app) = Gateway::with_app().await;
    let place =
        |region: &str| format!("<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>");
    gateway.ask(&app, &Ask::put("/here", place("ap-northeast-1"))).await.good();
    assert_eq!(gateway.ask(&app, &Ask::put("/there", place("eu-west-1"))).await.code(), "IllegalLocationConstraintException");
    assert_eq!(gateway.ask(&app, &Ask::put("/Bad_Name", "")).await.code(), "InvalidBucketName");
    assert_eq!(gateway.ask(&app, &Ask::put("/-", "")).await.code(), "InvalidBucketName");
    assert_eq!(gateway.ask(&app, &Ask::put("/public", "").with("x-amz-acl", "public-read")).await.code(), "AccessControlListNotSupported");
}

#[tokio::test]
async fn a_list_of_buckets_shows_only_those_one_has_a_right_on() {
    let (gateway, app) = Gateway::with_app().await;
    for bucket in ["/alpha", "/beta", "/gamma"] {
        gateway.ask(&app, &Ask::put(bucket, "")).await.good();
    }
    let clerk = gateway.person(app.tenant, "clerk", &[("beta", &[Right::Read])]).await;
    assert_eq!(gateway.ask(&clerk, &Ask::get("/")).await.good().elements("Name"), ["beta"]);
    let minami = gateway.tenant("minami").await;
    let other = gateway.person(minami, "app", &[("*", &Right::ALL)]).await;
    assert!(gateway.ask(&other, &Ask::get("/")).await.good().elements("Name").is_empty());

    let first = gateway.ask(&app, &Ask::get("/?max-buckets=2")).await.good();
    assert_eq!(first.elements("Name"), ["alpha", "beta"]);
    let next = first.element("ContinuationToken").unwrap();
    let second = gateway.ask(&app, &Ask::get(&format!("/?max-buckets=2&continuation-token={next}"))).await.good();
    assert_eq!((second.elements("Name"), second.element("ContinuationToken")), (vec!["gamma".to_owned()], None));
    assert_eq!(gateway.ask(&app, &Ask::get("/?prefix=b")).await.good().elements("Name"), ["beta"]);
}

#[tokio::test]
async fn versioning_is_switched_and_told() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    assert_eq!(gateway.ask(&app, &Ask::get("/files?versioning")).await.good().element("Status"), None);
    for status in ["Enabled", "Suspended"] {
        let document = format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        gateway.ask(&app, &Ask::put("/files?versioning", document)).await.good();
        assert_eq!(gateway.ask(&app, &Ask::get("/files?versioning")).await.good().element("Status").as_deref(), Some(status));
    }
    let none = gateway.ask(&app, &Ask::put("/files?versioning", "<VersioningConfiguration></VersioningConfiguration>")).await;
    assert_eq!(none.code(), "IllegalVersioningConfigurationException");
    let records = Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true");
    gateway.ask(&app, &records).await.good();
    let document = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    assert_eq!(gateway.ask(&app, &Ask::put("/karte?versioning", document)).await.code(), "InvalidBucketState");
}

#[tokio::test]
async fn small_questions_have_their_answers() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    gateway.ask(&app, &Ask::put("/files/k", "v")).await.good();
    for (question, code) in [
        ("policy", "NoSuchBucketPolicy"),
        ("policyStatus", "NoSuchBucketPolicy"),
        ("cors", "NoSuchCORSConfiguration"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
        ("website", "NoSuchWebsiteConfiguration"),
        ("tagging", "NoSuchTagSet"),
        ("replication", "ReplicationConfigurationNotFoundError"),
        ("object-lock", "ObjectLockConfigurationNotFoundError"),
    ] {
        let told = gateway.ask(&app, &Ask::get(&format!("/files?{question}"))).await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::NOT_FOUND, code));
        assert_eq!(gateway.ask(&app, &Ask::get(&format!("/none?{question}"))).await.code(), "NoSuchBucket");
    }
    for (question, element, text) in [
        ("/files?encryption", "SSEAlgorithm", "aws:kms"),
        ("/files?acl", "Permission", "FULL_CONTROL"),
        ("/files/k?acl", "Permission", "FULL_CONTROL"),
        ("/files?ownershipControls", "ObjectOwnership", "BucketOwnerEnforced"),
        ("/files?publicAccessBlock", "BlockPublicAcls", "true"),
        ("/files?requestPayment", "Payer", "BucketOwner"),
    ] {
        let told = gateway.ask(&app, &Ask::get(question)).await.good();
        assert_eq!(told.element(element).as_deref(), Some(text), "{question}");
    }
    for question in ["/files?logging", "/files?notification", "/files?accelerate"] {
        gateway.ask(&app, &Ask::get(question)).await.good();
    }
    gateway.ask(&app, &Ask::put("/files?acl", "").with("x-amz-acl", "private")).await.good();
    assert_eq!(
        gateway.ask(&app, &Ask::put("/files/k?acl", "").with("x-amz-acl", "public-read")).await.code(),
        "AccessControlListNotSupported"
    );
}

#[tokio::test]
async fn settings_that_are_not_ours_are_refused() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    let code = async |name: &str, value: &str| gateway.ask(&app, &Ask::put("/files/k", "v").with(name, value)).await.code();
    for (name, value) in [
        ("x-amz-acl", "private"),
        ("x-amz-acl", "bucket-owner-full-control"),
        ("x-amz-storage-class", "STANDARD"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-expected-bucket-owner", app.tenant.to_string().as_str()),
    ] {
        assert_eq!(code(name, value).await, "200", "{name}: {value}");
    }
    for (name, value, expected) in [
        ("x-amz-acl", "public-read", "AccessControlListNotSupported"),
        ("x-amz-storage-class", "GLACIER", "InvalidStorageClass"),
        ("x-amz-server-side-encryption", "aws:kms:dsse", "InvalidEncryptionAlgorithmError"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:k", "InvalidArgument"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256", "NotImplemented"),
        ("x-amz-website-redirect-location", "/", "NotImplemented"),
        ("x-amz-object-lock-mode", "GOVERNANCE", "NotImplemented"),
        ("x-amz-request-payer", "requester", "NotImplemented"),
        ("x-amz-expected-bucket-owner", "somebody-else", "AccessDenied"),
        ("x-hozon-purpose", "curiosity", "InvalidArgument"),
        ("x-hozon-nothing", "1", "NotImplemented"),
    ] {
        assert_eq!(code(name, value).await, expected, "{name}: {value}");
    }
    let named = Ask::put("/files/k", "v")
        .with("x-amz-server-side-encryption", "aws:kms")
        .with("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:other");
    assert_eq!(gateway.ask(&app, &named).await.code(), "KMS.NotFoundException");
}
