//! What a local directory lists, whatever else lies in it.

use futures::TryStreamExt;
use hozon::blob::{BlobSettings, BlobStore, Scope};
use hozon::domain::{BlobId, TenantId, UtcTime};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

const DAY: u64 = 24 * 3_600 * 1_000_000;

#[tokio::test]
async fn many_files_are_listed_once_each_and_nothing_that_is_not_ours() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = BlobStore::open(&BlobSettings::Local { directory: directory.path().to_owned() }).unwrap();
    let place = |name: &str| directory.path().join(name);
    let tenants = [TenantId::random(), TenantId::random()];
    let mut all = BTreeSet::new();
    for number in 0..1_300_u64 {
        let tenant = tenants[usize::from(number % 3 == 0)];
        let day = UtcTime::from_micros(i64::try_from(1_700_000_000_000_000 + number % 4 * DAY).unwrap()).day();
        let blob = BlobId::random(tenant, day);
        fs::create_dir_all(place(&format!("{tenant}/{day}"))).unwrap();
        fs::write(place(&blob.to_string()), vec![0; usize::try_from(number % 50).unwrap()]).unwrap();
        all.insert((blob, number % 50));
    }
    let one = all.first().unwrap().0;
    for foreign in ["marker", "lost+found/x", "some/20270331/0123456789abcdef0123456789abcdef"] {
        fs::create_dir_all(place(foreign).parent().unwrap()).unwrap();
        fs::write(place(foreign), "theirs").unwrap();
    }
    fs::write(place(&format!("{one}#3")), "staged").unwrap();
    fs::create_dir(place(&BlobId::random(one.tenant(), one.day()).to_string())).unwrap();
    symlink("nowhere", place(&BlobId::random(one.tenant(), one.day()).to_string())).unwrap();
    let list = async |scope| {
        let listed: Vec<_> = blobs.list(scope).try_collect().await.unwrap();
        let set: BTreeSet<_> = listed.iter().map(|found| (found.blob, found.bytes)).collect();
        assert_eq!(set.len(), listed.len(), "each once");
        set
    };
    assert_eq!(list(Scope::All).await, all);
    for tenant in tenants {
        let wanted: BTreeSet<_> = all.iter().copied().filter(|(blob, _)| blob.tenant() == tenant).collect();
        assert_eq!(list(Scope::Tenant(tenant)).await, wanted);
    }
    let wanted: BTreeSet<_> = all.iter().copied().filter(|(blob, _)| (blob.tenant(), blob.day()) == (one.tenant(), one.day())).collect();
    assert_eq!(list(Scope::Day(one.tenant(), one.day())).await, wanted);
    assert!(list(Scope::Tenant(TenantId::random())).await.is_empty());
}

/// A tenant's directory may lie on another disk.
#[tokio::test]
async fn what_a_link_leads_to_is_listed() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let blobs = BlobStore::open(&BlobSettings::Local { directory: directory.path().to_owned() }).unwrap();
    let blob = BlobId::random(TenantId::random(), UtcTime::from_micros(1_700_000_000_000_000).day());
    fs::create_dir(elsewhere.path().join(blob.day().to_string())).unwrap();
    symlink(elsewhere.path(), directory.path().join(blob.tenant().to_string())).unwrap();
    fs::write(directory.path().join(blob.to_string()), "four").unwrap();
    let listed: Vec<_> = blobs.list(Scope::All).try_collect().await.unwrap();
    assert_eq!(listed.iter().map(|found| (found.blob, found.bytes)).collect::<Vec<_>>(), [(blob, 4)]);
}
