use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// The operating system refused to protect this process's memory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HardenError {
    /// Core dumps stay on: a crash would write keys to disk.
    #[error("core dumps cannot be switched off")]
    CoreDumps(#[source] Errno),
}

/// Whether keys can reach the swap space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLock {
    /// No: memory is locked.
    Locked,
    /// They can: the limit on locked memory is too low. Encrypt the swap space, or allow locking (`LimitMEMLOCK=infinity`).
    NotAllowed,
}

/// Keeps keys out of core dumps, other processes and, where allowed, swap; and makes new files private.
///
/// For the start of a process that will hold keys, before it starts threads.
///
/// # Errors
/// [`HardenError`] when core dumps cannot be switched off.
pub fn harden_process() -> Result<MemoryLock, HardenError> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(HardenError::CoreDumps)?;
    // Also closes /proc/<pid>/mem and ptrace to other processes of the same user.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(HardenError::CoreDumps)?;
    let _previous = rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    Ok(lock_memory())
}

fn lock_memory() -> MemoryLock {
    // Under a finite limit every later allocation beyond it would fail, so nothing is locked then.
    if getrlimit(Resource::Memlock).current.is_some() {
        return MemoryLock::NotAllowed;
    }
    // On fault: only pages in use are locked, not the whole of every thread's stack.
    match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        Ok(()) => MemoryLock::Locked,
        Err(_not_permitted) => MemoryLock::NotAllowed,
    }
}
