use super::settings::{TlsSettings, TlsVersions};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// Certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read, or holds no PEM.
    #[error("cannot read PEM from {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// The certificate file holds no certificate.
    #[error("no certificate in {}", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Certificate and key do not fit, or TLS cannot use them.
    #[error("certificate {} and key {} cannot be used for TLS", certificate.display(), key.display())]
    Unusable {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

/// The server's certificate and key, replaceable while connections run.
#[derive(Debug, Clone)]
pub struct Certificate {
    config: Arc<watch::Sender<Arc<ServerConfig>>>,
}

impl Certificate {
    /// Reads the files that `settings` name.
    ///
    /// # Errors
    /// [`CertificateError`] when they cannot be used.
    pub fn load(settings: &TlsSettings) -> Result<Self, CertificateError> {
        let config = watch::Sender::new(Arc::new(read(settings)?));
        Ok(Self { config: Arc::new(config) })
    }

    /// Reads the files that `settings` name now. Connections from now on use what they hold; running ones go on.
    ///
    /// # Errors
    /// [`CertificateError`] when they cannot be used: the former certificate stays.
    pub fn replace(&self, settings: &TlsSettings) -> Result<(), CertificateError> {
        self.config.send_replace(Arc::new(read(settings)?));
        Ok(())
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.borrow())
    }
}

fn read(settings: &TlsSettings) -> Result<ServerConfig, CertificateError> {
    let unreadable = |path: &PathBuf| {
        let path = path.clone();
        move |source| CertificateError::Unreadable { path, source }
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&settings.certificate).and_then(Iterator::collect).map_err(unreadable(&settings.certificate))?;
    if chain.is_empty() {
        return Err(CertificateError::Empty { path: settings.certificate.clone() });
    }
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(unreadable(&settings.key))?;
    let versions: &[_] = match settings.versions {
        TlsVersions::Only13 => &[&TLS13],
        TlsVersions::From12 => &[&TLS13, &TLS12],
    };
    // The provider is passed, not installed: nothing in the process decides the cryptography of another part.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let built = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = built.map_err(|source| CertificateError::Unusable {
        certificate: settings.certificate.clone(),
        key: settings.key.clone(),
        source,
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
