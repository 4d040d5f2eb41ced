//! One piece of a backup as it is stored.
//!
//! FORMAT: docs/format.md, backups.

use super::key::BackupKey;
use super::{BackupError, BackupKeys, Follows, PieceName};
use crate::blob::{Archive, ArchiveError};
use crate::domain::StoreId;
use crate::engine::{self, Batch, CopyError, Holds, Tally};
use crate::seal::{Context, UseKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc;

const MAGIC: &[u8; 16] = b"hozon-backup-v1\n";
/// A beginning has fewer bytes than this.
const BEGINNING_MAX: usize = 16 << 10;
/// A sealed chunk has fewer bytes than this: a batch is little more than a mebibyte, unless one row is.
const CHUNK_MAX: usize = 64 << 20;
const BATCH: u8 = 1;
const END: u8 = 2;

/// What a piece says about itself in its beginning, which its chunks are bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Beginning {
    /// The piece's name.
    name: String,
    /// The store of bodies that the index belongs to.
    store: Option<String>,
    /// The backup before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<Follows>,
    /// Which tables and columns its rows have.
    form: i64,
    /// The key's id.
    key: String,
    /// The key, wrapped by the root.
    wrapped: String,
}

/// How much a piece holds. It ends with it, sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Rows of each table.
    pub tables: Vec<(String, u64)>,
    /// All rows.
    pub rows: u64,
    /// Keys of rows that had changed.
    pub keys: u64,
    /// What the rows add up to, in hexadecimal.
    pub sum: String,
}

/// What is known of a piece once its beginning was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceFacts {
    /// Its name.
    pub name: PieceName,
    /// The store of bodies that the index belongs to.
    pub store: Option<StoreId>,
    /// What this backup goes on from.
    pub follows: Option<Follows>,
}

/// Adds batches up while they go by.
#[derive(Debug, Default)]
pub(super) struct Counting {
    tally: Tally,
    keys: u64,
}

impl Counting {
    pub(super) fn add(&mut self, batch: &Batch) -> Result<(), CopyError> {
        self.tally.add(batch)?;
        if batch.holds() == Holds::Keys {
            self.keys += u64::from(batch.rows());
        }
        Ok(())
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            tables: self.tally.rows().map(|(table, rows)| (table.to_owned(), rows)).collect(),
            rows: self.tally.all(),
            keys: self.keys,
            sum: format!("{:032x}", self.tally.sum()),
        }
    }
}

/// Seals batches as the piece of which `facts` are known and sends its bytes on. For a thread that may wait.
pub(super) fn seal(
    facts: PieceFacts,
    key: &BackupKey,
    batches: &mut mpsc::Receiver<Batch>,
    out: &mpsc::Sender<Bytes>,
) -> Result<Counts, BackupError> {
    let beginning = Beginning {
        name: facts.name.to_string(),
        store: facts.store.map(|store| store.to_string()),
        follows: facts.follows,
        form: engine::form(),
        key: hex::encode(key.id),
        wrapped: STANDARD.encode(&key.wrapped),
    };
    let text = serde_json::to_vec(&beginning).unwrap_or_default(); // texts alone always have a JSON form
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
    let beginning = [MAGIC.as_slice(), &length, &text].concat();
    let bound = bound(&beginning);
    let send = |bytes: Bytes| out.blocking_send(bytes).map_err(|_| BackupError::Stopping);
    send(beginning.into())?;
    let (mut counting, mut chunk) = (Counting::default(), 0);
    while let Some(batch) = batches.blocking_recv() {
        counting.add(&batch)?;
        send(sealed(&key.key, &bound, chunk, &[&[BATCH], batch.to_bytes().as_slice()].concat())?)?;
        chunk += 1;
    }
    let counts = counting.counts();
    let end = serde_json::to_vec(&counts).unwrap_or_default(); // as above
    send(sealed(&key.key, &bound, chunk, &[&[END], end.as_slice()].concat())?)?;
    Ok(counts)
}

fn sealed(key: &UseKey, bound: &[u8; 32], chunk: u64, plain: &[u8]) -> Result<Bytes, BackupError> {
    let sealed = key.seal(&Context::backup(bound, chunk), plain)?;
    let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX).to_be_bytes();
    Ok([length.as_slice(), &sealed].concat().into())
}

fn bound(beginning: &[u8]) -> [u8; 32] {
    let mut bound = [0; 32];
    bound.copy_from_slice(digest(&SHA256, beginning).as_ref());
    bound
}

/// Reads a piece, chunk by chunk. Nothing of a chunk is given before it was opened, nothing is whole before its end.
pub struct PieceReader {
    facts: PieceFacts,
    text: String,
    key: Arc<UseKey>,
    bound: [u8; 32],
    chunk: u64,
    bytes: BoxStream<'static, Result<Bytes, ArchiveError>>,
    held: BytesMut,
    counting: Counting,
    counts: Option<Counts>,
}

impl PieceReader {
    /// Reads the beginning of a piece and has its key unwrapped.
    ///
    /// # Errors
    /// [`BackupError`] when it is not there, none of ours, or under another root.
    pub async fn open(archive: &Archive, name: PieceName, keys: &BackupKeys) -> Result<Self, BackupError> {
        let text = name.to_string();
        let malformed = || BackupError::Malformed { name: text.clone() };
        let mut bytes = archive.read(&text).await?;
        let mut held = BytesMut::new();
        fill(&mut bytes, &mut held, 20).await?.ok_or_else(malformed)?;
        let (magic, rest) = held.split_first_chunk::<16>().ok_or_else(malformed)?;
        let length = rest.first_chunk().map(|length| u32::from_be_bytes(*length)).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length <= BEGINNING_MAX && magic == MAGIC).ok_or_else(malformed)?;
        fill(&mut bytes, &mut held, 20 + length).await?.ok_or_else(malformed)?;
        let beginning = held.split_to(20 + length);
        let said: Beginning = serde_json::from_slice(beginning.get(20..).unwrap_or_default()).map_err(|_| malformed())?;
        let store = said.store.as_deref().map(StoreId::parse).transpose().map_err(|_| malformed())?;
        let id: [u8; 16] = hex::decode(&said.key).ok().and_then(|id| id.try_into().ok()).ok_or_else(malformed)?;
        let wrapped = STANDARD.decode(&said.wrapped).map_err(|_| malformed())?;
        if said.name != text {
            return Err(malformed());
        }
        let key = keys.unwrap(name.chain, id, &wrapped).await?;
        if said.form != engine::form() {
            return Err(BackupError::OtherForm { name: text });
        }
        let facts = PieceFacts { name, store, follows: said.follows };
        Ok(Self { facts, key, bound: bound(&beginning), chunk: 0, bytes, held, counting: Counting::default(), counts: None, text })
    }

    /// What its beginning says. Whoever alters that, alters what no chunk opens with.
    #[must_use]
    pub const fn facts(&self) -> &PieceFacts {
        &self.facts
    }

    /// The next batch; nothing once the piece has ended as it should.
    ///
    /// # Errors
    /// [`BackupError`] when it was altered or cut off.
    pub async fn next(&mut self) -> Result<Option<Batch>, BackupError> {
        if self.counts.is_some() {
            return Ok(None);
        }
        fill(&mut self.bytes, &mut self.held, 4).await?.ok_or_else(|| self.malformed())?;
        let length = usize::try_from(self.held.get_u32()).ok().filter(|length| *length <= CHUNK_MAX).ok_or_else(|| self.malformed())?;
        fill(&mut self.bytes, &mut self.held, length).await?.ok_or_else(|| self.malformed())?;
        let sealed = self.held.split_to(length);
        let opened = self.key.open(&Context::backup(&self.bound, self.chunk), &sealed);
        let opened = opened.map_err(|source| BackupError::Altered { name: self.text.clone(), source })?;
        self.chunk += 1;
        match opened.split_first() {
            Some((&BATCH, bytes)) => {
                let batch = Batch::from_bytes(bytes).map_err(|_| self.malformed())?;
                self.counting.add(&batch).map_err(|_| self.malformed())?;
                Ok(Some(batch))
            }
            Some((&END, bytes)) => {
                let counts: Counts = serde_json::from_slice(bytes).map_err(|_| self.malformed())?;
                let is_last = fill(&mut self.bytes, &mut self.held, 1).await?.is_none();
                if counts != self.counting.counts() || !is_last {
                    return Err(self.malformed());
                }
                self.counts = Some(counts);
                Ok(None)
            }
            _ => Err(self.malformed()),
        }
    }

    /// Reads to the end. Gives what the piece holds.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn check(mut self) -> Result<Counts, BackupError> {
        while self.next().await?.is_some() {}
        self.counts.take().ok_or_else(|| self.malformed())
    }

    fn malformed(&self) -> BackupError {
        BackupError::Malformed { name: self.text.clone() }
    }
}

/// Takes bytes until at least `wanted` are held; nothing where they end before.
async fn fill(
    bytes: &mut BoxStream<'static, Result<Bytes, ArchiveError>>,
    held: &mut BytesMut,
    wanted: usize,
) -> Result<Option<()>, BackupError> {
    while held.len() < wanted {
        match bytes.next().await {
            Some(more) => held.extend_from_slice(&more?),
            None => return Ok(None),
        }
    }
    Ok(Some(()))
}

impl fmt::Debug for PieceReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PieceReader({}, chunk {})", self.text, self.chunk)
    }
}
