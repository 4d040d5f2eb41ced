use super::backend::Backend;
use super::upload::Upload;
use super::{BlobError, BlobStore, Scope};
use crate::domain::{BlobId, Location, TenantId, UtcTime, limits};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

const SMALL_BYTES: usize = 4_096;
const BLOCK_BYTES: usize = 64 << 10;

/// What a store was tried for. Shown as what it did not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeStep {
    /// Taking a small object.
    WriteSmall,
    /// Giving back what was written.
    ReadBack,
    /// Giving a range of it.
    ReadRange,
    /// Listing it with its size.
    List,
    /// Giving the newest content once an overwrite is acknowledged.
    Overwrite,
    /// Taking an object in several parts.
    WriteLarge,
    /// Putting the parts together in order.
    ReadLarge,
    /// Showing nothing of an upload that was not completed.
    HideUnfinished,
    /// Saying that an object is not there.
    Missing,
    /// Deleting.
    Delete,
}

impl fmt::Display for ProbeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WriteSmall => "take a small object",
            Self::ReadBack => "give back what was written",
            Self::ReadRange => "give a range of an object",
            Self::List => "list an object with its size",
            Self::Overwrite => "give the newest content after an overwrite",
            Self::WriteLarge => "take an object in several parts",
            Self::ReadLarge => "put the parts of an object together",
            Self::HideUnfinished => "hide an upload that was not completed",
            Self::Missing => "say that an object is missing",
            Self::Delete => "delete an object",
        })
    }
}

/// The store does not keep a promise that hozon relies on.
#[derive(Debug, thiserror::Error)]
#[error("the store does not {step}")]
pub struct ProbeError {
    /// What it was tried for.
    pub step: ProbeStep,
    /// The error it gave; nothing where it gave a wrong answer.
    #[source]
    pub source: Option<BlobError>,
}

impl ProbeError {
    /// Whether the store failed altogether, before it could keep or break any promise.
    #[must_use]
    pub fn is_of_store(&self) -> bool {
        self.step == ProbeStep::WriteSmall && self.source.as_ref().is_some_and(BlobError::is_of_store)
    }
}

/// How a store treats a second write under one name. Hozon relies on neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// The new content replaces the old.
    Replaces,
    /// The store keeps the old content and says so.
    Refused,
}

/// What a probe found besides the promises, which were all kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeReport {
    /// What an ordinary second write does.
    pub plain: Overwrite,
    /// What a second write does that asks not to replace.
    pub create_only: Overwrite,
}

pub(super) async fn run(store: &BlobStore, backend: &Arc<Backend>, now: UtcTime) -> Result<ProbeReport, ProbeError> {
    // No tenant: should the process die here, the collector finds blobs that no row names.
    let probe = Probe { store, backend, small: blob(now), large: blob(now) };
    let found = probe.all().await;
    let cleaned = probe.clean().await;
    let report = found?;
    cleaned.map(|()| report)
}

fn blob(now: UtcTime) -> BlobId {
    BlobId::random(TenantId::from_bytes([0; 16]), now.day())
}

struct Probe<'a> {
    store: &'a BlobStore,
    backend: &'a Arc<Backend>,
    small: BlobId,
    large: BlobId,
}

impl Probe<'_> {
    async fn all(&self) -> Result<ProbeReport, ProbeError> {
        let content = random()?;
        self.write(self.small, std::slice::from_ref(&content)).await.map_err(at(ProbeStep::WriteSmall))?;
        self.expect(self.small, 0..SMALL_BYTES as u64, &content, ProbeStep::ReadBack).await?;
        let middle = content.slice(1_000..1_500);
        self.expect(self.small, 1_000..1_500, &middle, ProbeStep::ReadRange).await?;
        self.listed().await?;
        let report = self.overwrites(content).await?;
        self.large().await?;
        Ok(report)
    }

    async fn listed(&self) -> Result<(), ProbeError> {
        let all: Vec<_> =
            self.store.list(Scope::Day(self.small.tenant(), self.small.day())).try_collect().await.map_err(at(ProbeStep::List))?;
        let found = all.iter().any(|listed| listed.blob == self.small && listed.bytes == SMALL_BYTES as u64);
        if found { Ok(()) } else { Err(wrong(ProbeStep::List)) }
    }

    async fn overwrites(&self, first: Bytes) -> Result<ProbeReport, ProbeError> {
        let second = random()?;
        let create_only = self.overwrite(PutMode::Create, &second).await?;
        let now_there = if create_only == Overwrite::Replaces { second } else { first };
        self.expect(self.small, 0..SMALL_BYTES as u64, &now_there, ProbeStep::Overwrite).await?;
        let third = random()?;
        let plain = self.overwrite(PutMode::Overwrite, &third).await?;
        let now_there = if plain == Overwrite::Replaces { third } else { now_there };
        self.expect(self.small, 0..SMALL_BYTES as u64, &now_there, ProbeStep::Overwrite).await?;
        Ok(ProbeReport { plain, create_only })
    }

    async fn overwrite(&self, mode: PutMode, content: &Bytes) -> Result<Overwrite, ProbeError> {
        let options = PutOptions::from(mode);
        let payload = PutPayload::from(content.clone());
        match self.backend.objects.put_opts(&self.backend.path(self.small), payload, options).await {
            Ok(_) => Ok(Overwrite::Replaces),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. }
                | object_store::Error::PermissionDenied { .. }
                | object_store::Error::NotImplemented { .. },
            ) => Ok(Overwrite::Refused),
            Err(source) => Err(at(ProbeStep::Overwrite)(BlobError::of_store(self.small, source))),
        }
    }

    async fn large(&self) -> Result<(), ProbeError> {
        let length = self.backend.part_bytes.max(limits::SMALL_BLOB_BYTES_MAX) + BLOCK_BYTES;
        let pattern = random()?;
        let blocks: Vec<Bytes> = (0..length / BLOCK_BYTES).map(|number| block(&pattern, number)).collect();
        let mut unfinished = Upload::new(Arc::clone(self.backend), self.large);
        for block in &blocks {
            unfinished.push(block.clone()).await.map_err(at(ProbeStep::WriteLarge))?;
        }
        drop(unfinished);
        self.expect_missing(self.large, ProbeStep::HideUnfinished).await?;
        self.write(self.large, &blocks).await.map_err(at(ProbeStep::WriteLarge))?;
        for (number, block) in blocks.iter().enumerate() {
            let start = (number * BLOCK_BYTES) as u64;
            self.expect(self.large, start..start + BLOCK_BYTES as u64, block, ProbeStep::ReadLarge).await?;
        }
        Ok(())
    }

    async fn clean(&self) -> Result<(), ProbeError> {
        let deleted = futures::join!(self.store.delete(self.small), self.store.delete(self.large));
        deleted.0.and(deleted.1).map_err(at(ProbeStep::Delete))?;
        self.expect_missing(self.small, ProbeStep::Missing).await?;
        self.store.delete(self.small).await.map_err(at(ProbeStep::Delete))
    }

    async fn write(&self, blob: BlobId, pieces: &[Bytes]) -> Result<(), BlobError> {
        let mut upload = Upload::new(Arc::clone(self.backend), blob);
        for piece in pieces {
            upload.push(piece.clone()).await?;
        }
        upload.finish().await.map(drop)
    }

    async fn expect(&self, blob: BlobId, range: Range<u64>, content: &Bytes, step: ProbeStep) -> Result<(), ProbeError> {
        let location = Location { blob, offset: 0, length: range.end };
        let read = self.store.read(&location, range).await.map_err(at(step))?;
        if read.is(content) { Ok(()) } else { Err(wrong(step)) }
    }

    async fn expect_missing(&self, blob: BlobId, step: ProbeStep) -> Result<(), ProbeError> {
        match self.store.read(&Location { blob, offset: 0, length: 1 }, 0..1).await {
            Err(BlobError::Missing { .. }) => Ok(()),
            Err(error) => Err(at(step)(error)),
            Ok(_) => Err(wrong(step)),
        }
    }
}

fn at(step: ProbeStep) -> impl Fn(BlobError) -> ProbeError {
    move |source| ProbeError { step, source: Some(source) }
}

const fn wrong(step: ProbeStep) -> ProbeError {
    ProbeError { step, source: None }
}

fn random() -> Result<Bytes, ProbeError> {
    let mut bytes = vec![0; SMALL_BYTES];
    getrandom::fill(&mut bytes).map_err(|_no_randomness| wrong(ProbeStep::WriteSmall))?;
    Ok(Bytes::from(bytes))
}

/// A block that is unlike every other, so that parts in the wrong order show.
fn block(pattern: &[u8], number: usize) -> Bytes {
    let mut block = pattern.repeat(BLOCK_BYTES / SMALL_BYTES);
    block.iter_mut().zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    Bytes::from(block)
}
