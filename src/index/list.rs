use super::rollup::Rollup;
use super::walk::{Meets, Step, Walk};
use super::{Bucket, IndexError, ListItem, ListPage, ListQuery, TenantIndex};

impl TenantIndex<'_> {
    /// One page of the keys whose newest version has content, in S3's order.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn list(&self, bucket: &Bucket, query: &ListQuery) -> Result<ListPage, IndexError> {
        self.fits(bucket)?;
        loop {
            match self.list_once(bucket, query).await {
                Err(IndexError::UnfitRun { run }) => self.index.directories.refuse(run).await,
                done => return done,
            }
        }
    }

    async fn list_once(&self, bucket: &Bucket, query: &ListQuery) -> Result<ListPage, IndexError> {
        let lease = self.lease().await?;
        let mut page = ListPage::default();
        if query.limit == 0 {
            return Ok(page);
        }
        let rollup = Rollup::new(&query.prefix, query.delimiter.as_deref());
        let begin = rollup.after(query.after.as_deref());
        let mut walk = Walk::start(&self.index.directories, (lease, bucket), Meets::Live, &query.prefix, &begin).await?;
        while let Some(step) = walk.next().await? {
            let common = rollup.common(step.text()).map(str::to_owned);
            let item = match (common, step) {
                (Some(common), _) => {
                    walk.pass(&common).await?;
                    ListItem::Prefix(common)
                }
                (None, Step::Directory(path, token)) => {
                    walk.enter(path, token).await?;
                    continue;
                }
                (None, Step::Key { key, current, .. }) => {
                    let (etag, size, modified, version) = (current.etag, current.size, current.modified, current.version);
                    ListItem::Key { key, etag, size, modified, version }
                }
            };
            if page.items.len() == query.limit {
                page.more = true;
                break;
            }
            page.items.push(item);
        }
        page.last = page.items.last().map(|item| item.text().to_owned());
        Ok(page)
    }
}
