use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};

/// The admin listener cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// Another process answers there.
    #[error("another gateway answers on the admin socket {}", path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// Something else than a socket is there.
    #[error("{} is there and is no socket", path.display())]
    NoSocket {
        /// Where.
        path: PathBuf,
    },
    /// A TCP address was given, which would need client certificates.
    #[error("the admin listener takes a path of a Unix socket, not the address `{address}`")]
    Tcp {
        /// What was given.
        address: String,
    },
    /// The socket cannot be made.
    #[error("cannot listen on the admin socket {}", path.display())]
    Bind {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The admin listener's socket. It goes from the file system with this value.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    pub(super) async fn bind(path: &Path) -> Result<Self, AdminError> {
        if let Some(text) = path.to_str()
            && text.parse::<std::net::SocketAddr>().is_ok()
        {
            return Err(AdminError::Tcp { address: text.to_owned() });
        }
        let failed = |source| AdminError::Bind { path: path.to_owned(), source };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        }
        refuse_living(path).await?;
        // Made under another name and renamed once it is closed to others: nobody can connect in between,
        // and what a killed process left behind is replaced.
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&fresh).map_err(failed)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        fs::rename(&fresh, path).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    pub(super) async fn accept(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _unnamed)) => return stream,
                Err(error) => {
                    tracing::warn!(%error, "an admin connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn refuse_living(path: &Path) -> Result<(), AdminError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(AdminError::Bind { path: path.to_owned(), source }),
        Ok(facts) if !facts.file_type().is_socket() => Err(AdminError::NoSocket { path: path.to_owned() }),
        Ok(_) => match UnixStream::connect(path).await {
            Ok(_answered) => Err(AdminError::InUse { path: path.to_owned() }),
            Err(_left_behind) => Ok(()),
        },
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // If it stays, the next start replaces it.
        let _removed = fs::remove_file(&self.path);
    }
}
