//! An object store that fails as it is told, counts what it holds in memory, and notes what was given up.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// What goes wrong, until it is told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Writes fail and leave nothing.
    Lost,
    /// Writes fail although they have happened: an answer was lost.
    Kept,
    /// Writes fail because the disk is full.
    Full,
    /// Writes are acknowledged and do nothing.
    Forgets,
    /// Parts after the first fail.
    LaterParts,
    /// Reads of each object fail once.
    Hiccups,
    /// Reads end one byte early.
    Short,
    /// Answers to reads break off after [`CUT`] bytes.
    Cut,
    /// Reads give the first content that an object ever had.
    Stale,
    /// Lists show nothing.
    Blind,
    /// Deletes are acknowledged and do nothing.
    Sticky,
    /// Everything fails.
    Away,
    /// Reads are never answered.
    Silent,
    /// Reads are answered after [`SLOW`].
    Slow,
}

/// How long a slow store takes.
pub(crate) const SLOW: std::time::Duration = std::time::Duration::from_secs(2);

/// How much of an answer comes before it breaks off.
pub(crate) const CUT: usize = 1_000_000;

#[derive(Debug)]
pub(crate) struct Faults {
    now: Mutex<Fault>,
    first: Mutex<HashMap<Path, Bytes>>,
    hiccups: Mutex<HashSet<Path>>,
    pub(crate) aborted: AtomicUsize,
    pub(crate) completed: AtomicUsize,
    /// Reads that were asked for.
    pub(crate) reads: AtomicUsize,
    held: AtomicUsize,
    pub(crate) held_max: AtomicUsize,
    /// Parts wait here; closed gates stand for a slow store.
    pub(crate) gate: Semaphore,
}

#[derive(Debug)]
pub(crate) struct FailingStore {
    inner: Arc<dyn ObjectStore>,
    faults: Arc<Faults>,
}

impl FailingStore {
    pub(crate) fn over(inner: Arc<dyn ObjectStore>) -> (Arc<Self>, Arc<Faults>) {
        let faults = Arc::new(Faults {
            now: Mutex::new(Fault::None),
            first: Mutex::default(),
            hiccups: Mutex::default(),
            aborted: AtomicUsize::new(0),
            completed: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            held_max: AtomicUsize::new(0),
            gate: Semaphore::new(1_000_000),
        });
        (Arc::new(Self { inner, faults: Arc::clone(&faults) }), faults)
    }
}

impl Faults {
    pub(crate) fn set(&self, fault: Fault) {
        *self.now.lock().unwrap() = fault;
    }

    fn is(&self, fault: Fault) -> bool {
        *self.now.lock().unwrap() == fault
    }

    fn before_write(&self) -> Result<()> {
        if self.is(Fault::Full) {
            return Err(failure(io::ErrorKind::StorageFull));
        }
        if self.is(Fault::Lost) || self.is(Fault::Away) { Err(failure(io::ErrorKind::ConnectionReset)) } else { Ok(()) }
    }

    fn after_write(&self) -> Result<()> {
        if self.is(Fault::Kept) { Err(failure(io::ErrorKind::ConnectionReset)) } else { Ok(()) }
    }
}

fn failure(kind: io::ErrorKind) -> Error {
    Error::Generic { store: "failing", source: Box::new(io::Error::from(kind)) }
}

impl fmt::Display for FailingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FailingStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.faults.before_write()?;
        self.faults.first.lock().unwrap().entry(location.clone()).or_insert_with(|| payload.clone().into());
        if self.faults.is(Fault::Forgets) {
            return Ok(PutResult { e_tag: None, version: None, extensions: object_store::Extensions::default() });
        }
        let put = self.inner.put_opts(location, payload, opts).await?;
        self.faults.after_write()?;
        Ok(put)
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.faults.before_write()?;
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(FailingUpload { inner, faults: Arc::clone(&self.faults), parts: 0 }))
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        self.faults.reads.fetch_add(1, Ordering::SeqCst);
        if self.faults.is(Fault::Away) {
            return Err(failure(io::ErrorKind::ConnectionRefused));
        }
        if self.faults.is(Fault::Hiccups) && self.faults.hiccups.lock().unwrap().insert(location.clone()) {
            return Err(failure(io::ErrorKind::ConnectionReset));
        }
        if self.faults.is(Fault::Silent) {
            std::future::pending::<()>().await;
        }
        if self.faults.is(Fault::Slow) {
            tokio::time::sleep(SLOW).await;
        }
        if self.faults.is(Fault::Stale) {
            let first = self.faults.first.lock().unwrap().get(location).cloned();
            let old: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
            old.put_opts(location, first.unwrap().into(), PutOptions::default()).await?;
            return old.get_opts(location, options).await;
        }
        if self.faults.is(Fault::Short)
            && let Some(GetRange::Bounded(range)) = &mut options.range
        {
            range.end -= 1;
        }
        let mut answer = self.inner.get_opts(location, options).await?;
        if self.faults.is(Fault::Cut) && answer.range.end - answer.range.start > CUT as u64 {
            let (meta, range, attributes) = (answer.meta.clone(), answer.range.clone(), answer.attributes.clone());
            let mut first = answer.bytes().await?;
            first.truncate(CUT);
            let broken = futures::stream::iter([Ok(first), Err(failure(io::ErrorKind::ConnectionReset))]);
            let payload = object_store::GetResultPayload::Stream(Box::pin(broken));
            answer = GetResult { payload, meta, range, attributes, extensions: object_store::Extensions::default() };
        }
        Ok(answer)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.faults.is(Fault::Away) {
            return Box::pin(futures::stream::once(async { Err(failure(io::ErrorKind::ConnectionRefused)) }));
        }
        if self.faults.is(Fault::Sticky) { locations } else { self.inner.delete_stream(locations) }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.faults.is(Fault::Away) {
            return Box::pin(futures::stream::once(async { Err(failure(io::ErrorKind::ConnectionRefused)) }));
        }
        if self.faults.is(Fault::Blind) { Box::pin(futures::stream::empty()) } else { self.inner.list(prefix) }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct FailingUpload {
    inner: Box<dyn MultipartUpload>,
    faults: Arc<Faults>,
    parts: usize,
}

#[async_trait]
impl MultipartUpload for FailingUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let faults = Arc::clone(&self.faults);
        let length = data.content_length();
        let held = faults.held.fetch_add(length, Ordering::SeqCst) + length;
        faults.held_max.fetch_max(held, Ordering::SeqCst);
        self.parts += 1;
        let is_lost = self.parts > 1 && faults.is(Fault::LaterParts);
        let part = self.inner.put_part(data);
        Box::pin(async move {
            let passed = faults.gate.acquire().await.unwrap();
            let put = if is_lost { Err(failure(io::ErrorKind::ConnectionReset)) } else { part.await };
            drop(passed);
            faults.held.fetch_sub(length, Ordering::SeqCst);
            put
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.faults.before_write()?;
        let put = self.inner.complete().await?;
        self.faults.completed.fetch_add(1, Ordering::SeqCst);
        self.faults.after_write()?;
        Ok(put)
    }

    async fn abort(&mut self) -> Result<()> {
        self.faults.aborted.fetch_add(1, Ordering::SeqCst);
        self.inner.abort().await
    }
}
