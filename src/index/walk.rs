//! A walk over the keys of a bucket in byte order, directory by directory.

use super::directories::{Directories, Lease};
use super::directory::{Live, Seen, What};
use super::listing_cache::DirectoryId;
use super::rollup::Begin;
use super::view::Cursor;
use super::{Bucket, IndexError, tokens};
use crate::domain::EntryId;
use crate::engine::{CurrentRow, Token, VersionKind};

/// Which keys a walk meets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meets {
    /// Those whose newest version has content.
    Live,
    /// All that have a version.
    All,
}

/// What the walk has come to. It is past it already.
pub(super) enum Step {
    /// A key.
    Key { key: String, id: EntryId, current: CurrentRow },
    /// A directory, by its whole path, to be entered or left aside.
    Directory(String, Token),
}

impl Step {
    /// The key, or the path that all keys below begin with.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Key { key, .. } => key,
            Self::Directory(path, _) => path,
        }
    }
}

/// The walk. It sees each directory as it was when it was entered.
pub(super) struct Walk<'w> {
    directories: &'w Directories,
    lease: Lease,
    bucket: &'w Bucket,
    meets: Meets,
    levels: Vec<Level>,
}

struct Level {
    cursor: Cursor,
    path: String,
    /// What names must begin with: the rest of the listing's prefix in the directory where the walk begins.
    within: String,
}

impl<'w> Walk<'w> {
    /// A walk over the keys of `bucket` that begin with `prefix`, from `begin` on.
    pub(super) async fn start(
        directories: &'w Directories,
        (lease, bucket): (Lease, &'w Bucket),
        meets: Meets,
        prefix: &str,
        begin: &Begin,
    ) -> Result<Self, IndexError> {
        let mut walk = Self { directories, lease, bucket, meets, levels: Vec::new() };
        let (path, within) = prefix.split_at(prefix.rfind('/').map_or(0, |slash| slash + 1));
        let token = tokens::of_directory(&walk.lease.keys, bucket.id, path);
        walk.push(path.to_owned(), within.to_owned(), token).await?;
        walk.go_to(begin).await?;
        Ok(walk)
    }

    /// The next thing; past all that the walk does not meet.
    pub(super) async fn next(&mut self) -> Result<Option<Step>, IndexError> {
        while let Some(level) = self.levels.last_mut() {
            let Some(seen) = level.cursor.peek().await?.filter(|seen| seen.text.starts_with(&level.within)) else {
                self.levels.pop();
                continue;
            };
            let step = met(self.meets, &level.path, seen);
            level.cursor.advance();
            if step.is_some() {
                return Ok(step);
            }
        }
        Ok(None)
    }

    /// Goes into the directory that [`Walk::next`] has just come to.
    pub(super) async fn enter(&mut self, path: String, token: Token) -> Result<(), IndexError> {
        self.push(path, String::new(), token).await
    }

    /// Goes past every key that begins with `prefix`, which must be longer than the path of the directory it is in.
    pub(super) async fn pass(&mut self, prefix: &str) -> Result<(), IndexError> {
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        match prefix.strip_prefix(&level.path) {
            Some(rest) => level.cursor.seek(|item| item < rest || item.starts_with(rest)).await,
            None => Ok(()),
        }
    }

    async fn push(&mut self, path: String, within: String, token: Token) -> Result<(), IndexError> {
        let id = DirectoryId { tenant: self.bucket.tenant, bucket: self.bucket.id, token };
        let view = self.directories.open(&self.lease, id, &path).await?;
        let mut cursor = Cursor::new(view, self.directories.source(&self.lease));
        if !within.is_empty() {
            cursor.seek(|item| item < within.as_str()).await?;
        }
        self.levels.push(Level { cursor, path, within });
        Ok(())
    }

    /// Goes to `begin`, entering the directories on the way to it.
    async fn go_to(&mut self, begin: &Begin) -> Result<(), IndexError> {
        let Some(text) = begin.text() else {
            return Ok(());
        };
        while let Some(level) = self.levels.last_mut() {
            let Some(rest) = text.strip_prefix(&level.path) else {
                // Not below this directory: before all of its keys, or after all of them.
                if text > level.path.as_str() {
                    self.levels.clear();
                }
                return Ok(());
            };
            let within = level.within.as_str();
            let on_the_way = rest.find('/').map(|slash| rest.split_at(slash + 1));
            let Some((segment, _)) = on_the_way.filter(|(_, below)| !(below.is_empty() && is_prefix(begin))) else {
                return level.cursor.seek(|item| item < within || begin.is_after(rest, item)).await;
            };
            level.cursor.seek(|item| item < within || item < segment).await?;
            let next = level.cursor.peek().await?.filter(|seen| seen.text == segment && segment.starts_with(within));
            let Some(Step::Directory(path, token)) = next.and_then(|seen| met(self.meets, &level.path, seen)) else {
                return Ok(());
            };
            level.cursor.advance();
            self.push(path, String::new(), token).await?;
        }
        Ok(())
    }
}

const fn is_prefix(begin: &Begin) -> bool {
    matches!(begin, Begin::AfterPrefix(_))
}

fn met(meets: Meets, path: &str, seen: Seen<'_>) -> Option<Step> {
    let whole = || [path, seen.text].concat();
    match seen.what {
        What::Key(current) if meets == Meets::All || current.kind == VersionKind::Content => {
            Some(Step::Key { key: whole(), id: seen.id, current })
        }
        What::Directory { token, live } if meets == Meets::All || live == Live::Yes => Some(Step::Directory(whole(), token)),
        What::Key(_) | What::Directory { .. } => None,
    }
}
