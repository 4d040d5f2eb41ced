#![expect(clippy::unwrap_used, reason = "a test may stop where something is not as it must be")]

//! The file root through its public interface.

use hozon::domain::{KekPurpose, TenantId};
use hozon::root::{Passphrase, PassphraseError, Protection, Root, RootError, SecretFileError};
use hozon::seal::{Context, MasterKey};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn write_private(path: &Path, contents: &[u8]) {
    std::fs::write(path, contents).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn passphrase(directory: &Path, text: &str) -> Protection {
    let path = directory.join("passphrase");
    write_private(&path, text.as_bytes());
    Protection::Passphrase(Passphrase::File(path))
}

fn place(tenant: TenantId) -> Context {
    Context::kek(tenant, KekPurpose::Data, 1)
}

async fn wrap(root: &Root, tenant: TenantId) -> (MasterKey, Vec<u8>) {
    let key = MasterKey::generate().unwrap();
    let wrapped = root.wrap(tenant, &place(tenant), &key).await.unwrap();
    (key, wrapped)
}

fn root_path(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("root.key")
}

#[tokio::test]
async fn what_a_root_wrapped_it_unwraps_after_a_restart_for_the_same_tenant_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = root_path(&directory);
    let tenant = TenantId::random();
    let (key, wrapped) = wrap(&Root::create_file(&path, &Protection::FileMode).unwrap(), tenant).await;
    let root = Root::open_file(&path, &Protection::FileMode).unwrap();
    assert_eq!(root.unwrap(tenant, &place(tenant), &wrapped).await.unwrap().expose(), key.expose());
    let other = TenantId::random();
    assert!(matches!(root.unwrap(other, &place(tenant), &wrapped).await, Err(RootError::Open(_))));
    assert!(matches!(root.unwrap(tenant, &place(other), &wrapped).await, Err(RootError::Open(_))));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(format!("{root:?}"), "Root(file)");
}

#[tokio::test]
async fn a_passphrase_opens_its_root_and_another_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = root_path(&directory);
    let tenant = TenantId::random();
    let right = passphrase(directory.path(), "a long enough passphrase\n");
    let (key, wrapped) = wrap(&Root::create_file(&path, &right).unwrap(), tenant).await;
    let root = Root::open_file(&path, &right).unwrap();
    assert_eq!(root.unwrap(tenant, &place(tenant), &wrapped).await.unwrap().expose(), key.expose());

    let wrong = passphrase(directory.path(), "a long enough passphrasf\n");
    assert!(matches!(Root::open_file(&path, &wrong), Err(RootError::WrongPassphrase { .. })));
    assert!(matches!(Root::open_file(&path, &Protection::FileMode), Err(RootError::PassphraseWanted { .. })));
    let short = passphrase(directory.path(), "too short\n");
    let created = Root::create_file(&directory.path().join("other"), &short);
    assert!(matches!(created, Err(RootError::Passphrase(PassphraseError::TooShort))));
    assert!(!directory.path().join("other").exists());
}

#[test]
fn an_existing_root_is_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = root_path(&directory);
    drop(Root::create_file(&path, &Protection::FileMode).unwrap());
    let before = std::fs::read(&path).unwrap();
    let again = Root::create_file(&path, &Protection::FileMode);
    assert!(matches!(again, Err(RootError::File(SecretFileError::Exists { .. }))));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_root_that_others_may_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = root_path(&directory);
    drop(Root::create_file(&path, &Protection::FileMode).unwrap());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let opened = Root::open_file(&path, &Protection::FileMode);
    assert!(matches!(opened, Err(RootError::File(SecretFileError::OpenToOthers { mode: 0o644, .. }))));
}

#[test]
fn a_sealed_file_with_any_byte_altered_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = root_path(&directory);
    let protection = passphrase(directory.path(), "a long enough passphrase");
    drop(Root::create_file(&path, &protection).unwrap());
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let [first, cost, salt, sealed] = lines.as_slice() else { panic!("four lines") };
    let altered = [
        format!("hozon-root-v2 passphrase\n{cost}\n{salt}\n{sealed}\n"),
        format!("{first}\nargon2id memory-kib=64 passes=3 lanes=4\n{salt}\n{sealed}\n"),
        format!("{first}\nargon2id memory-kib=4294967295 passes=3 lanes=4\n{salt}\n{sealed}\n"),
        format!("{first}\n{cost} more\n{salt}\n{sealed}\n"),
        format!("{first}\n{cost}\nAAAAAAAAAAAAAAAAAAAAAA==\n{sealed}\n"),
        format!("{first}\n{cost}\n{}\n{sealed}\n", &salt[4..]),
        format!("{first}\n{cost}\n{salt}\n{}\n", &sealed[4..]),
        format!("{first}\n{cost}\n{salt}\n{sealed}"),
        format!("{first}\n{cost}\n{salt}\n{sealed}\nmore\n"),
        format!("{first}\n{cost}\n{salt}\n"),
        String::new(),
    ];
    for contents in altered {
        write_private(&path, contents.as_bytes());
        assert!(Root::open_file(&path, &protection).is_err(), "{contents}");
    }
    write_private(&path, text.as_bytes());
    assert!(Root::open_file(&path, &protection).is_ok());
}

#[tokio::test]
async fn a_root_taken_away_or_replaced_under_a_running_process_serves_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = root_path(&directory);
    let tenant = TenantId::random();
    let root = Root::create_file(&path, &Protection::FileMode).unwrap();
    let (_, wrapped) = wrap(&root, tenant).await;
    std::fs::rename(&path, directory.path().join("away")).unwrap();
    let unwrapped = root.unwrap(tenant, &place(tenant), &wrapped).await;
    assert!(matches!(unwrapped, Err(RootError::File(SecretFileError::Read { .. }))));
    drop(Root::create_file(&path, &Protection::FileMode).unwrap());
    let key = MasterKey::generate().unwrap();
    assert!(matches!(root.wrap(tenant, &place(tenant), &key).await, Err(RootError::Replaced { .. })));
}

#[test]
fn root_and_data_must_not_lie_together_in_production() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir_all(data.join("keys")).unwrap();
    let inside = Root::create_file(&data.join("keys/root.key"), &Protection::FileMode).unwrap();
    assert!(matches!(inside.check_production(&data), Err(RootError::InDataDirectory { .. })));
    let detour = directory.path().join("detour");
    std::os::unix::fs::symlink(data.join("keys"), &detour).unwrap();
    let by_link = Root::open_file(&detour.join("root.key"), &Protection::FileMode).unwrap();
    assert!(matches!(by_link.check_production(&data), Err(RootError::InDataDirectory { .. })));
    let outside = Root::create_file(&root_path(&directory), &Protection::FileMode).unwrap();
    outside.check_production(&data).unwrap();
}

/// Files as an independent implementation of `docs/format.md` wrote them; they must open for ever.
#[tokio::test]
async fn root_files_of_the_first_format_open() {
    let directory = tempfile::tempdir().unwrap();
    let place_of = |name: &str, contents: &[u8]| {
        let path = directory.path().join(name);
        write_private(&path, contents);
        path
    };
    let clear = place_of("clear.key", include_bytes!("vectors/file-root/clear.key"));
    let sealed = place_of("sealed.key", include_bytes!("vectors/file-root/sealed.key"));
    let passphrase = Passphrase::File(place_of("passphrase", include_bytes!("vectors/file-root/passphrase")));
    let wrapped = hex::decode(include_str!("vectors/file-root/wrapped_kek.hex").trim()).unwrap();
    let tenant = TenantId::from_bytes([0xab; 16]);
    let key: Vec<u8> = (100..132).collect();
    for (path, protection) in [(clear, Protection::FileMode), (sealed, Protection::Passphrase(passphrase))] {
        let root = Root::open_file(&path, &protection).unwrap();
        assert_eq!(root.unwrap(tenant, &place(tenant), &wrapped).await.unwrap().expose().as_slice(), key);
    }
}
