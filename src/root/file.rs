use super::passphrase::Cost;
use super::{Protection, RootError, SecretFileError};
use crate::domain::TenantId;
use crate::files::secret_file;
use crate::seal::{Context, KeyUse, MasterKey, SealError, UseKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

// FORMAT: docs/format.md, root files. Lines of text; another form is another first line.
const FIRST_LINE_CLEAR: &str = "hozon-root-v1 key";
const FIRST_LINE_SEALED: &str = "hozon-root-v1 passphrase";

/// A root that lies in a file.
///
/// Keeps no root: only what opens the file, and what recognises the root in it.
pub(super) struct FileRoot {
    path: PathBuf,
    opener: Opener,
    fingerprint: [u8; 32],
}

enum Opener {
    FileMode,
    /// The key that the passphrase made with this salt at this cost, so that it is derived once a process.
    Passphrase {
        lock: Lock,
        key: MasterKey,
    },
}

/// What a sealed file says of how its key is made.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Lock {
    cost: Cost,
    salt: [u8; 16],
}

/// What a file holds.
enum Form {
    Clear(MasterKey),
    Sealed { lock: Lock, sealed: Vec<u8> },
}

impl FileRoot {
    pub(super) fn create(path: &Path, protection: &Protection) -> Result<Self, RootError> {
        let root = MasterKey::generate()?;
        let (opener, contents) = match protection {
            Protection::FileMode => (Opener::FileMode, clear_contents(&root)),
            Protection::Passphrase(passphrase) => {
                let mut salt = [0; 16];
                getrandom::fill(&mut salt).map_err(SealError::from)?;
                let lock = Lock { cost: Cost::DEFAULT, salt };
                let key = lock.cost.key(&passphrase.fetch_new()?, &salt)?;
                let sealed = root.wrap(&key.derive(KeyUse::WrapRoot), &Context::root_file())?;
                let contents = sealed_contents(&lock, &sealed);
                (Opener::Passphrase { lock, key }, contents)
            }
        };
        secret_file::create(path, &contents)?;
        Ok(Self { path: path.to_owned(), opener, fingerprint: fingerprint(&root) })
    }

    pub(super) fn open(path: &Path, protection: &Protection) -> Result<Self, RootError> {
        let (opener, root) = match (read(path)?, protection) {
            (Form::Clear(root), Protection::FileMode) => (Opener::FileMode, root),
            (Form::Sealed { lock, sealed }, Protection::Passphrase(passphrase)) => {
                let key = lock.cost.key(&passphrase.fetch()?, &lock.salt)?;
                let root = unseal(path, &key, &sealed)?;
                (Opener::Passphrase { lock, key }, root)
            }
            (Form::Sealed { .. }, Protection::FileMode) => return Err(RootError::PassphraseWanted { path: path.to_owned() }),
            (Form::Clear(_), Protection::Passphrase(_)) => return Err(RootError::NotSealed { path: path.to_owned() }),
        };
        Ok(Self { path: path.to_owned(), opener, fingerprint: fingerprint(&root) })
    }

    /// The key under which the keys of `tenant` are wrapped.
    pub(super) async fn tenant_root(self: Arc<Self>, tenant: TenantId) -> Result<UseKey, RootError> {
        let read = move || Ok(self.root()?.derive(KeyUse::TenantRoot(tenant)));
        tokio::task::spawn_blocking(read).await.map_err(|_| RootError::Stopping)?
    }

    pub(super) fn check_outside(&self, data: &Path) -> Result<(), RootError> {
        let real = |path: &Path| path.canonicalize().map_err(|source| SecretFileError::Read { path: path.to_owned(), source });
        if real(&self.path)?.starts_with(real(data)?) {
            return Err(RootError::InDataDirectory { path: self.path.clone(), data: data.to_owned() });
        }
        Ok(())
    }

    fn root(&self) -> Result<MasterKey, RootError> {
        let replaced = || RootError::Replaced { path: self.path.clone() };
        let root = match (read(&self.path)?, &self.opener) {
            (Form::Clear(root), Opener::FileMode) => root,
            (Form::Sealed { lock: found, sealed }, Opener::Passphrase { lock, key }) if found == *lock => unseal(&self.path, key, &sealed)?,
            _other_form => return Err(replaced()),
        };
        let same: bool = fingerprint(&root).ct_eq(&self.fingerprint).into();
        if same { Ok(root) } else { Err(replaced()) }
    }
}

fn fingerprint(root: &MasterKey) -> [u8; 32] {
    root.derive(KeyUse::Probe).mac(&[b"root"])
}

fn unseal(path: &Path, key: &MasterKey, sealed: &[u8]) -> Result<MasterKey, RootError> {
    MasterKey::unwrap(&key.derive(KeyUse::WrapRoot), &Context::root_file(), sealed)
        .map_err(|_wrong_or_altered| RootError::WrongPassphrase { path: path.to_owned() })
}

fn clear_contents(root: &MasterKey) -> Zeroizing<Vec<u8>> {
    // Sized once: growing would leave a copy of the key behind.
    let mut contents = Zeroizing::new(Vec::with_capacity(FIRST_LINE_CLEAR.len() + 46));
    let encoded = Zeroizing::new(STANDARD.encode(root.expose()));
    for piece in [FIRST_LINE_CLEAR, "\n", encoded.as_str(), "\n"] {
        contents.extend_from_slice(piece.as_bytes());
    }
    contents
}

fn sealed_contents(lock: &Lock, sealed: &[u8]) -> Zeroizing<Vec<u8>> {
    let Cost { memory_kib, passes, lanes } = lock.cost;
    let (salt, sealed) = (STANDARD.encode(lock.salt), STANDARD.encode(sealed));
    let text = format!("{FIRST_LINE_SEALED}\nargon2id memory-kib={memory_kib} passes={passes} lanes={lanes}\n{salt}\n{sealed}\n");
    Zeroizing::new(text.into_bytes())
}

fn read(path: &Path) -> Result<Form, RootError> {
    let contents = secret_file::read(path)?;
    std::str::from_utf8(&contents).ok().and_then(parse).ok_or_else(|| RootError::Malformed { path: path.to_owned() })
}

/// What the text of a file holds, if it is exactly one of the forms.
fn parse(text: &str) -> Option<Form> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let form = match lines.next()? {
        FIRST_LINE_CLEAR => {
            let mut key = Zeroizing::new([0; 32]);
            decode(lines.next()?, key.as_mut_slice())?;
            Form::Clear(MasterKey::from_bytes(key))
        }
        FIRST_LINE_SEALED => {
            let cost = parse_cost(lines.next()?)?;
            let mut salt = [0; 16];
            decode(lines.next()?, &mut salt)?;
            Form::Sealed { lock: Lock { cost, salt }, sealed: STANDARD.decode(lines.next()?).ok()? }
        }
        _unknown => return None,
    };
    lines.next().is_none().then_some(form)
}

fn parse_cost(line: &str) -> Option<Cost> {
    let mut words = line.strip_prefix("argon2id ")?.split(' ');
    let mut number = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    let cost = Cost { memory_kib: number("memory-kib")?, passes: number("passes")?, lanes: number("lanes")? };
    words.next().is_none().then_some(cost)
}

/// Fills `out` with exactly what `line` encodes.
fn decode(line: &str, out: &mut [u8]) -> Option<()> {
    let decoded = Zeroizing::new(STANDARD.decode(line).ok()?);
    if decoded.len() != out.len() {
        return None;
    }
    out.copy_from_slice(&decoded);
    Some(())
}
