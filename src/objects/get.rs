use super::frame::{Frame, Source};
use super::{GetError, Objects};
use crate::audit::{Event, OutcomeLog, OutcomeResult, Receipt};
use crate::blob::SealedBytes;
use crate::domain::{ByteRange, TenantId, causes, limits};
use crate::engine::PartRow;
use crate::index::Version;
use crate::keys::KeyError;
use crate::leases::{LeaseError, LeaseWatch};
use crate::policy::{Admitted, Permitted, Read};
use crate::seal::layout::Cut;
use crate::seal::{Manifest, OpenedDataKey, Plaintext};
use bytes::Bytes;
use futures::future::join;
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Opened bytes, in order.
type Pieces = BoxStream<'static, Result<Plaintext, GetError>>;

/// The bytes of a version on their way to a client, each authenticated before it is given out.
///
/// Ends with an error, never early, when something is wrong with what follows. What became of it is noted in
/// the audit log when it is dropped.
pub struct ObjectBody {
    pieces: Pieces,
    watch: Arc<LeaseWatch>,
    length: u64,
    sent: u64,
    result: OutcomeResult,
    noted: Noted,
}

struct Noted {
    tenant: TenantId,
    event: Event,
    outcomes: OutcomeLog,
}

impl std::fmt::Debug for ObjectBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ObjectBody({} of {} bytes)", self.sent, self.length)
    }
}

impl Objects {
    /// The plaintext bytes `range` of the version that `permitted` names.
    ///
    /// Sealed bytes are fetched while the decision goes on record; nothing is opened before it is (promise 2).
    ///
    /// # Errors
    /// [`GetError`]; no byte has left then.
    pub async fn get(&self, permitted: Permitted<Read>, range: ByteRange) -> Result<ObjectBody, GetError> {
        let watch = Arc::new(self.keys.watch(permitted.tenant()));
        let frame = Frame::completing(&permitted.subject().version.row);
        let cuts = match &frame {
            // Of a multipart version this is only the manifest.
            Ok(frame) if permitted.subject().version.row.parts == 0 => frame.segments(range),
            _ => Vec::new(),
        };
        let fetch = async {
            let source = Source::new(self, frame?, Arc::clone(&watch));
            let fetched = source.sealed(first_reads(&source.frame(), &cuts)).await?;
            Ok::<_, GetError>((source, fetched))
        };
        // Both to their ends: what the store answers is told, and put on record, only after the decision.
        let (fetched, admitted) = join(fetch, permitted.recorded()).await;
        let admitted = admitted?;
        let opened = match fetched {
            Ok(fetched) => self.opened(&admitted, fetched, cuts, range).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(pieces) => Ok(self.body(admitted, (pieces, watch), range)),
            Err(error) => {
                let event = admitted.record().event();
                tracing::error!(event = %event.id, error = causes(&error), "a version could not be opened");
                self.outcomes.settle(admitted.tenant(), event, (error.outcome(), 0)).await;
                Err(error)
            }
        }
    }

    /// Opens what was fetched and prepares the rest. Needs the admission: no decision on record, no key.
    async fn opened(
        &self,
        admitted: &Admitted<Read>,
        (source, fetched): (Source, Vec<SealedBytes>),
        cuts: Vec<Cut>,
        range: ByteRange,
    ) -> Result<Pieces, GetError> {
        let frame = source.frame();
        let key = self.keys.open(admitted).await?;
        let short = || GetError::Contradiction { what: "length" };
        let head = fetched.first().ok_or_else(short)?;
        let small = head.len() == frame.location.length;
        let tail = if small { head.slice(frame.lengths.tail()) } else { head.chunks() };
        let manifest = Manifest::open(&key, frame.attempt, &tail, frame.lengths, self.aead)?;
        agrees(&manifest, &admitted.subject().version, admitted.subject().bucket.id)?;
        if admitted.subject().version.row.parts > 0 {
            return self.pieces_of_parts(admitted, (key, source.watch()), &manifest, range).await;
        }
        if small {
            let opener = source.opener_of(&key, &head.slice(frame.lengths.start()))?;
            let open = |cut: &Cut| source.open_here(&opener, cut, &head.slice(cut.sealed.clone()));
            let opened = cuts.iter().map(open).collect::<Result<Vec<_>, _>>()?;
            return Ok(stream::iter(opened.into_iter().map(Ok)).boxed());
        }
        let (start, run) = (fetched.get(1).ok_or_else(short)?, fetched.get(2).ok_or_else(short)?);
        let opener = source.opener_of(&key, &start.chunks())?;
        let mut cuts = cuts.into_iter();
        let first = source.open_here(&opener, &cuts.next().ok_or_else(short)?, &run.chunks())?;
        let rest = source.plaintext(opener, cuts.collect());
        Ok(stream::iter([Ok(first)]).chain(rest).boxed())
    }

    fn body(&self, admitted: Admitted<Read>, (pieces, watch): (Pieces, Arc<LeaseWatch>), range: ByteRange) -> ObjectBody {
        let tenant = admitted.tenant();
        let (_who, _subject, receipt): (_, _, Receipt) = admitted.spend();
        let noted = Noted { tenant, event: receipt.event().clone(), outcomes: self.outcomes.clone() };
        ObjectBody { pieces, watch, length: range.len(), sent: 0, result: OutcomeResult::Aborted, noted }
    }

    /// The bytes of a multipart version: part by part, each opened under its own attempt.
    async fn pieces_of_parts(
        &self,
        admitted: &Admitted<Read>,
        (key, watch): (OpenedDataKey, Arc<LeaseWatch>),
        manifest: &Manifest,
        range: ByteRange,
    ) -> Result<Pieces, GetError> {
        let rows = self.index.of(admitted.tenant()).parts(&admitted.subject().version, range).await?;
        let covered: u64 = rows.iter().map(|row| overlap(row, range).len()).sum();
        if covered != range.len() {
            return Err(GetError::Contradiction { what: "parts" });
        }
        for row in &rows {
            let parts = manifest.parts();
            let named = parts.binary_search_by_key(&row.number, |part| part.number).ok().and_then(|place| parts.get(place));
            let same = |part: &crate::seal::ManifestPart| {
                part.attempt == row.attempt && part.plain_length == row.length && part.stream_length == row.stream_length
            };
            if !named.is_some_and(same) {
                return Err(GetError::Contradiction { what: "parts" });
            }
        }
        let (objects, key) = (self.clone(), Arc::new(key));
        // The first part is opened before anything is answered, so that its damage is still an error answer.
        let parts = stream::iter(rows).then(move |row| {
            let (objects, key, watch) = (objects.clone(), Arc::clone(&key), Arc::clone(&watch));
            async move {
                let frame = Frame::of_part(&row)?;
                let within = overlap(&row, range);
                let inner = ByteRange { start: within.start - row.offset, end: within.end - row.offset };
                let source = Source::new(&objects, frame, watch);
                let opener = source.opener(&key).await?;
                Ok::<_, GetError>(source.plaintext(opener, frame.segments(inner)))
            }
        });
        let mut pieces = parts.try_flatten().boxed();
        let first = pieces.next().await.transpose()?;
        Ok(stream::iter(first.map(Ok)).chain(pieces).boxed())
    }
}

/// What is read of a frame at once. A small one comes whole; of a larger one its tail, its start, and the first segment of
/// the range.
fn first_reads(frame: &Frame, cuts: &[Cut]) -> Vec<Range<u64>> {
    match cuts.first() {
        _ if frame.location.length <= limits::SMALL_FRAME_BYTES_MAX => std::iter::once(0..frame.location.length).collect(),
        None => vec![frame.lengths.tail()],
        Some(first) => vec![frame.lengths.tail(), frame.lengths.start(), first.sealed.clone()],
    }
}

/// The bytes of the version that lie both in the part and in the range.
fn overlap(row: &PartRow, range: ByteRange) -> ByteRange {
    let start = range.start.max(row.offset);
    ByteRange { start, end: range.end.min(row.offset.saturating_add(row.length)).max(start) }
}

/// Compares what was sealed with what the index says, before the first byte (DESIGN §7).
fn agrees(manifest: &Manifest, version: &Version, bucket: crate::domain::BucketId) -> Result<(), GetError> {
    let (sealed, said) = (manifest.attributes(), &version.attributes);
    let differs = [
        (manifest.bucket() != bucket, "bucket"),
        (sealed.key != said.key, "key"),
        (sealed.facts.patient != said.facts.patient, "patient"),
        (sealed.facts.class != said.facts.class, "class"),
        (manifest.plain_length() != version.row.size, "size"),
        (manifest.parts().len() as u64 != u64::from(version.row.parts), "parts"),
    ];
    match differs.into_iter().find(|(differs, _)| *differs) {
        Some((_, what)) => Err(GetError::Contradiction { what }),
        None => Ok(()),
    }
}

impl ObjectBody {
    /// How many bytes it has in all.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    fn end(&mut self, error: GetError) -> Option<Result<Bytes, GetError>> {
        self.pieces = stream::empty().boxed();
        self.result = error.outcome();
        tracing::error!(event = %self.noted.event.id, error = causes(&error), "a body was aborted");
        Some(Err(error))
    }
}

impl Stream for ObjectBody {
    type Item = Result<Bytes, GetError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        Poll::Ready(match std::task::ready!(this.pieces.poll_next_unpin(context)) {
            // What was opened ahead of the client goes no further than what was not (DESIGN §6).
            Some(Ok(_)) if this.watch.is_withdrawn() => {
                let withdrawn = LeaseError::Withdrawn { tenant: this.noted.tenant };
                this.end(KeyError::Lease(withdrawn).into())
            }
            Some(Ok(piece)) => {
                let bytes = piece.release();
                this.sent += bytes.len() as u64;
                if this.sent == this.length {
                    this.result = OutcomeResult::Complete;
                }
                Some(Ok(bytes))
            }
            Some(Err(error)) => this.end(error),
            None => {
                if this.sent == this.length {
                    this.result = OutcomeResult::Complete;
                }
                None
            }
        })
    }
}

impl Drop for ObjectBody {
    fn drop(&mut self) {
        self.noted.outcomes.note(self.noted.tenant, &self.noted.event, (self.result, self.sent));
    }
}
