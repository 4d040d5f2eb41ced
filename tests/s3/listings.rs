//! Listings of keys and uploads, page by page.

use crate::gateway::{Ask, Gateway, Person, Told};

const KEYS: [&str; 8] = ["a", "a b", "a/1", "a/2", "a/b/3", "b+c", "z/", "é"];

async fn with_keys() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    for key in KEYS {
        gateway.ask(&app, &Ask::put(&format!("/files/{key}"), key)).await.good();
    }
    (gateway, app)
}

fn names(told: &Told) -> (Vec<String>, Vec<String>) {
    let prefixes = told.elements("CommonPrefixes").iter().map(|text| text.replace("<Prefix>", "").replace("</Prefix>", "")).collect();
    (told.elements("Key"), prefixes)
}

#[tokio::test]
async fn keys_come_in_byte_order_page_by_page() {
    let (gateway, app) = with_keys().await;
    let all = gateway.ask(&app, &Ask::get("/files?list-type=2")).await.good();
    assert_eq!(all.elements("Key"), KEYS);
    assert_eq!((all.element("KeyCount").as_deref(), all.element("IsTruncated").as_deref()), (Some("8"), Some("false")));
    assert_eq!(all.elements("Size")[4], "5");
    let mut token = String::new();
    let mut found = Vec::new();
    loop {
        let page = gateway.ask(&app, &Ask::get(&format!("/files?list-type=2&max-keys=3{token}"))).await.good();
        found.extend(page.elements("Key"));
        let Some(next) = page.element("NextContinuationToken") else { break };
        assert!(!next.contains('/') && !next.contains("YS8"), "a token names no key");
        token = format!("&continuation-token={next}");
    }
    assert_eq!(found, KEYS);
    let after = gateway.ask(&app, &Ask::get("/files?list-type=2&start-after=a%2F2")).await.good();
    assert_eq!(after.elements("Key"), ["a/b/3", "b+c", "z/", "é"]);
    let bad = gateway.ask(&app, &Ask::get("/files?list-type=2&continuation-token=abc")).await;
    assert_eq!(bad.code(), "InvalidArgument");
}

#[tokio::test]
async fn a_delimiter_folds_what_lies_below() {
    let (gateway, app) = with_keys().await;
    let top = gateway.ask(&app, &Ask::get("/files?list-type=2&delimiter=%2F")).await.good();
    assert_eq!(names(&top), (["a", "a b", "b+c", "é"].map(str::to_owned).to_vec(), ["a/", "z/"].map(str::to_owned).to_vec()));
    let below = gateway.ask(&app, &Ask::get("/files?list-type=2&delimiter=%2F&prefix=a%2F")).await.good();
    assert_eq!(names(&below), (["a/1", "a/2"].map(str::to_owned).to_vec(), vec!["a/b/".to_owned()]));
    let none = gateway.ask(&app, &Ask::get("/files?list-type=2&max-keys=0")).await.good();
    assert_eq!((none.elements("Key").len(), none.element("IsTruncated").as_deref()), (0, Some("false")));
}

#[tokio::test]
async fn the_first_version_of_listing_goes_on_by_marker() {
    let (gateway, app) = with_keys().await;
    let first = gateway.ask(&app, &Ask::get("/files?max-keys=2&delimiter=%2F")).await.good();
    assert_eq!((first.elements("Key"), first.element("NextMarker").as_deref()), (vec!["a".to_owned(), "a b".to_owned()], Some("a b")));
    let second = gateway.ask(&app, &Ask::get("/files?max-keys=2&delimiter=%2F&marker=a%20b")).await.good();
    assert_eq!(names(&second), (vec!["b+c".to_owned()], vec!["a/".to_owned()]));
    assert_eq!(second.element("Owner"), first.element("Owner"));
}

#[tokio::test]
async fn names_are_encoded_on_demand() {
    let (gateway, app) = with_keys().await;
    let told = gateway.ask(&app, &Ask::get("/files?list-type=2&encoding-type=url&prefix=b%2B")).await.good();
    assert_eq!((told.element("Key").as_deref(), told.element("Prefix").as_deref()), (Some("b%2Bc"), Some("b%2B")));
    assert_eq!(told.element("EncodingType").as_deref(), Some("url"));
    assert_eq!(gateway.ask(&app, &Ask::get("/files?encoding-type=x")).await.code(), "InvalidArgument");
    assert_eq!(gateway.ask(&app, &Ask::get("/files?max-keys=-1")).await.code(), "InvalidArgument");
}

#[tokio::test]
async fn uploads_are_listed_by_key() {
    let (gateway, app) = with_keys().await;
    for key in ["u/2", "u/1", "v"] {
        gateway.ask(&app, &Ask::post(&format!("/files/{key}?uploads"), "")).await.good();
    }
    let told = gateway.ask(&app, &Ask::get("/files?uploads")).await.good();
    assert_eq!(told.elements("Key"), ["u/1", "u/2", "v"]);
    let folded = gateway.ask(&app, &Ask::get("/files?uploads&delimiter=%2F")).await.good();
    assert_eq!(names(&folded), (vec!["v".to_owned()], vec!["u/".to_owned()]));
    let first = gateway.ask(&app, &Ask::get("/files?uploads&max-uploads=1")).await.good();
    let (key, id) = (first.element("NextKeyMarker").unwrap(), first.element("NextUploadIdMarker").unwrap());
    assert_eq!((key.as_str(), first.element("IsTruncated").as_deref()), ("u/1", Some("true")));
    let rest = gateway.ask(&app, &Ask::get(&format!("/files?uploads&key-marker=u%2F1&upload-id-marker={id}"))).await.good();
    assert_eq!(rest.elements("Key"), ["u/2", "v"]);
}

#[tokio::test]
async fn versions_are_listed_page_by_page() {
    let (gateway, app) = with_keys().await;
    let on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    gateway.ask(&app, &Ask::put("/files?versioning", on)).await.good();
    gateway.ask(&app, &Ask::put("/files/a", "new")).await.good();
    let first = gateway.ask(&app, &Ask::get("/files?versions&max-keys=1")).await.good();
    let id = first.element("NextVersionIdMarker").unwrap();
    assert_eq!((first.element("NextKeyMarker").as_deref(), first.elements("VersionId")), (Some("a"), vec![id.clone()]));
    let second = gateway.ask(&app, &Ask::get(&format!("/files?versions&max-keys=1&key-marker=a&version-id-marker={id}"))).await.good();
    assert_eq!((second.element("Key").as_deref(), second.element("VersionId").as_deref()), (Some("a"), Some("null")));
}
