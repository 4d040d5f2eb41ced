use super::{AccessError, Book, row_mac};
use crate::domain::{Directive, TenantId, limits};
use crate::engine::{Changed, DirectiveRow, Engine, Events, RowMac};
use crate::leases::{IndexKeys, Leases, Monotonic};
use crate::seal::{Context, TokenKind};
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

/// Something to be laid down, against what was there when it was made.
#[derive(Debug, Clone)]
pub struct NewDirective {
    directive: Directive,
    revision: u64,
}

impl NewDirective {
    /// `directive` in place of what `book` has of it.
    #[must_use]
    pub fn over(book: &Book, directive: Directive) -> Self {
        let revision = book.revision(&directive) + 1;
        Self { directive, revision }
    }
}

#[derive(Clone)]
struct Kept {
    book: Arc<Book>,
    read: Duration,
}

/// What the tenants have laid down about access.
pub struct Access {
    engine: Arc<dyn Engine>,
    leases: Arc<Leases>,
    clock: Arc<dyn Monotonic>,
    kept: Cache<TenantId, Kept>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

impl Access {
    /// The directives in `engine`.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, leases: Arc<Leases>, clock: Arc<dyn Monotonic>) -> Self {
        // What may name patients is not kept for tenants of whom nobody asks.
        let kept = Cache::builder().max_capacity(limits::BOOKS_KEPT_MAX).time_to_idle(limits::BOOK_IDLE_MAX).build();
        Self { engine, leases, clock, kept }
    }

    /// What a tenant has laid down, at most [`limits::BOOK_AGE_MAX`] ago.
    ///
    /// # Errors
    /// [`AccessError`]: nothing is decided without it.
    pub async fn book(&self, tenant: TenantId) -> Result<Arc<Book>, AccessError> {
        match self.kept.get(&tenant) {
            Some(kept) if self.clock.now().saturating_sub(kept.read) < limits::BOOK_AGE_MAX => Ok(kept.book),
            Some(kept) => self.newer(tenant, kept.book).await,
            None => self.newer(tenant, Arc::default()).await,
        }
    }

    /// What a tenant has laid down by now.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn book_now(&self, tenant: TenantId) -> Result<Arc<Book>, AccessError> {
        let kept = self.kept.get(&tenant).map(|kept| kept.book).unwrap_or_default();
        self.newer(tenant, kept).await
    }

    async fn newer(&self, tenant: TenantId, mut book: Arc<Book>) -> Result<Arc<Book>, AccessError> {
        let read = self.clock.now();
        // A tenant whose key is withdrawn is forgotten as well.
        let keys = self.leases.index(tenant).await.inspect_err(|_| self.kept.invalidate(&tenant))?;
        loop {
            let rows = self.engine.directives(tenant, book.mark(), limits::PAGE_ENTRIES_MAX).await?;
            if rows.is_empty() {
                break;
            }
            // What nobody else has is not copied: the first reading of a large tenant takes many pages.
            let mut next = Arc::unwrap_or_clone(book);
            for row in rows {
                let (mark, revision) = (row.mark, row.revision);
                next.take(opened(&keys, tenant, &row)?, (mark, revision));
            }
            book = Arc::new(next);
        }
        let newest = self.kept.entry(tenant).and_upsert_with(|kept| match kept {
            // Somebody has read more while we read.
            Some(kept) if kept.value().book.mark() > book.mark() => kept.into_value(),
            Some(_) | None => Kept { book, read },
        });
        Ok(newest.into_value().book)
    }

    /// Lays something down, all of it or nothing.
    ///
    /// # Errors
    /// [`AccessError::Changed`] when something of it was laid down by somebody else meanwhile.
    pub async fn put(&self, tenant: TenantId, new: Vec<NewDirective>, events: Events) -> Result<(), AccessError> {
        let keys = self.leases.index(tenant).await?;
        let rows = new.iter().map(|new| sealed(&keys, tenant, new)).collect::<Result<Vec<_>, _>>()?;
        let done = self.engine.put_directives(rows, events).await?;
        self.book_now(tenant).await?;
        if done == Changed::Done { Ok(()) } else { Err(AccessError::Changed) }
    }
}

fn sealed(keys: &IndexKeys, tenant: TenantId, new: &NewDirective) -> Result<DirectiveRow, AccessError> {
    let (active, kind) = (keys.active(), new.directive.kind());
    let value = [&[kind as u8], new.directive.name().as_bytes()].concat();
    let name = keys.token(TokenKind::Directive, tenant.as_bytes(), &value);
    let context = Context::directive(tenant, kind, (&name.0, new.revision));
    let mut row = DirectiveRow {
        tenant,
        kind,
        name,
        kek_version: active.version,
        sealed: active.attributes.seal(&context, &serde_json::to_vec(&new.directive)?)?,
        mark: 0,
        revision: new.revision,
        mac: RowMac([0; 32]),
    };
    row.mac = row_mac::of(active, &row);
    Ok(row)
}

fn opened(keys: &IndexKeys, tenant: TenantId, row: &DirectiveRow) -> Result<Directive, AccessError> {
    let sealer = keys.version(row.kek_version).ok_or(AccessError::Damaged)?;
    if row.tenant != tenant || !row_mac::holds(sealer, row) {
        return Err(AccessError::Damaged);
    }
    let context = Context::directive(tenant, row.kind, (&row.name.0, row.revision));
    let bytes = sealer.attributes.open(&context, &row.sealed).map_err(|_| AccessError::Damaged)?;
    let directive: Directive = serde_json::from_slice(&bytes).map_err(|_| AccessError::Damaged)?;
    if directive.kind() == row.kind { Ok(directive) } else { Err(AccessError::Damaged) }
}
