use super::rules::Rules;
use crate::access::{Access, AccessError, Book};
use crate::domain::{Live, TenantId, limits};
use moka::sync::Cache;
use std::sync::Arc;

/// What one request is judged by, from beginning to end.
#[derive(Debug, Clone)]
pub(super) struct Law {
    pub rules: Arc<Rules>,
    pub book: Arc<Book>,
}

/// Gives each request the law of its tenant.
#[derive(Debug)]
pub(super) struct Judge {
    rules: Live<Rules>,
    access: Arc<Access>,
    /// The rules of tenants with policies of their own, with what they were made of.
    own: Cache<TenantId, (Arc<Rules>, u64, Arc<Rules>)>,
}

impl Judge {
    pub(super) fn new(rules: Live<Rules>, access: Arc<Access>) -> Self {
        Self { rules, access, own: Cache::new(limits::BOOKS_KEPT_MAX) }
    }

    /// The law of a tenant as it holds now.
    ///
    /// # Errors
    /// [`AccessError`]: nothing is decided then. Policies that do not fit the schema any more are damage: they were checked
    /// when they were laid down.
    pub(super) async fn law(&self, tenant: TenantId) -> Result<Law, AccessError> {
        let (shipped, book) = (self.rules.now(), self.access.book(tenant).await?);
        let mark = book.policies_mark();
        if mark == 0 {
            return Ok(Law { rules: shipped, book });
        }
        if let Some((base, of, rules)) = self.own.get(&tenant)
            && of == mark
            && Arc::ptr_eq(&base, &shipped)
        {
            return Ok(Law { rules, book });
        }
        let own: Vec<_> = book.policies().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let rules = Arc::new(shipped.with(&own).map_err(|_| AccessError::Damaged)?);
        self.own.insert(tenant, (shipped, mark, Arc::clone(&rules)));
        Ok(Law { rules, book })
    }

    /// The rules without those of any tenant.
    pub(super) fn shipped(&self) -> Arc<Rules> {
        self.rules.now()
    }
}
