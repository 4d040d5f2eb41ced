//! The root key, wherever it lives: it wraps the tenants' keys and nothing else.
//!
//! Each tenant has a root of its own, so that what was wrapped for one opens for no other. The only
//! provider so far keeps the root in a file; a key service or an HSM stands beside it. It never keeps
//! what it unwraps: `leases` does, and for a time only. Way in: [`Root`].

mod error;
mod file;
mod passphrase;
mod process;

use crate::domain::TenantId;
use crate::seal::{Context, MasterKey};
use file::FileRoot;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use crate::files::secret_file::SecretFileError;
pub use error::RootError;
pub use passphrase::{Passphrase, PassphraseError};
pub use process::{HardenError, MemoryLock, harden_process};

/// How a root that lies in a file is protected there.
#[derive(Debug)]
pub enum Protection {
    /// By the file's mode alone: whoever reads the file has the root.
    FileMode,
    /// Sealed under a passphrase, through Argon2id.
    Passphrase(Passphrase),
}

/// The key over all tenant keys.
pub struct Root(Provider);

enum Provider {
    File(Arc<FileRoot>),
}

impl Root {
    /// Makes a new random root in the new file `path`, which only its owner may read.
    ///
    /// Deriving a key from a passphrase takes some 200 ms.
    ///
    /// # Errors
    /// [`RootError`]; an existing file is left as it is.
    pub fn create_file(path: &Path, protection: &Protection) -> Result<Self, RootError> {
        FileRoot::create(path, protection).map(|root| Self(Provider::File(Arc::new(root))))
    }

    /// Opens the root in the file `path`.
    ///
    /// The file is read again at each use, so taking it away withdraws the root as soon as leases end.
    ///
    /// # Errors
    /// [`RootError`] when the file cannot be read, others may read it, or it is not protected as stated.
    pub fn open_file(path: &Path, protection: &Protection) -> Result<Self, RootError> {
        FileRoot::open(path, protection).map(|root| Self(Provider::File(Arc::new(root))))
    }

    /// The provider's name, as rows carry it.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        match &self.0 {
            Provider::File(_) => "file",
        }
    }

    /// Wraps `key` under the root of `tenant`, bound to `context`.
    ///
    /// # Errors
    /// [`RootError`] when the root cannot be reached or sealing fails.
    pub async fn wrap(&self, tenant: TenantId, context: &Context, key: &MasterKey) -> Result<Vec<u8>, RootError> {
        match &self.0 {
            Provider::File(file) => Ok(key.wrap(&Arc::clone(file).tenant_root(tenant).await?, context)?),
        }
    }

    /// The key that `wrapped` holds.
    ///
    /// # Errors
    /// [`RootError::Open`] when it was wrapped for another tenant or place, or altered; otherwise when
    /// the root cannot be reached.
    pub async fn unwrap(&self, tenant: TenantId, context: &Context, wrapped: &[u8]) -> Result<MasterKey, RootError> {
        match &self.0 {
            Provider::File(file) => Ok(MasterKey::unwrap(&Arc::clone(file).tenant_root(tenant).await?, context, wrapped)?),
        }
    }

    /// Checks that root and data cannot be carried off together: what the production profile asks for.
    ///
    /// # Errors
    /// [`RootError::InDataDirectory`] when the root's file lies below `data`.
    pub fn check_production(&self, data: &Path) -> Result<(), RootError> {
        match &self.0 {
            Provider::File(file) => file.check_outside(data),
        }
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({})", self.provider())
    }
}
