use super::rollup::Rollup;
use super::upload::opened_upload;
use super::{Bucket, EntryFacts, IndexError, TenantIndex, Upload, UploadItem, UploadsPage, UploadsQuery};
use crate::domain::{UploadId, limits};
use crate::engine::UploadRow;
use crate::leases::IndexKeys;
use std::sync::Arc;

impl TenantIndex<'_> {
    /// One page of the open uploads: keys in S3's order, the uploads of a key oldest first.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn uploads(&self, bucket: &Bucket, query: &UploadsQuery) -> Result<UploadsPage, IndexError> {
        self.fits(bucket)?;
        let keys = self.keys().await?;
        let rows = self.engine().uploads(bucket.id).await?;
        let mut uploads = opened(&keys, bucket, rows).await?;
        uploads.retain(|upload| key(upload).starts_with(&query.prefix));
        uploads.sort_by(|one, other| order(one).cmp(&order(other)));
        Ok(page(&uploads, (bucket, query)))
    }
}

fn key(upload: &Upload) -> &str {
    &upload.attributes().key
}

fn order(upload: &Upload) -> (&str, crate::domain::UtcTime, UploadId) {
    (key(upload), upload.created(), upload.id())
}

fn page(uploads: &[Upload], (bucket, query): (&Bucket, &UploadsQuery)) -> UploadsPage {
    let mut page = UploadsPage::default();
    if query.limit == 0 {
        return page;
    }
    let rollup = Rollup::new(&query.prefix, query.delimiter.as_deref());
    for upload in from_marker(uploads, query, rollup) {
        let common = rollup.common(key(upload));
        if common.is_some_and(|common| matches!(page.items.last(), Some(UploadItem::Prefix(last)) if last == common)) {
            continue;
        }
        if page.items.len() == query.limit {
            page.more = true;
            break;
        }
        page.items.push(common.map_or_else(|| item(upload, bucket), |common| UploadItem::Prefix(common.to_owned())));
    }
    page.last = page.items.last().map(|item| match item {
        UploadItem::Prefix(prefix) => (prefix.clone(), None),
        UploadItem::Upload { key, id, .. } => (key.clone(), Some(*id)),
    });
    page
}

/// The uploads after the query's markers; `uploads` is sorted.
fn from_marker<'u>(uploads: &'u [Upload], query: &UploadsQuery, rollup: Rollup<'_>) -> &'u [Upload] {
    let marked = query.key_marker.as_deref();
    let begin = rollup.after(marked);
    let mut start = uploads.partition_point(|upload| begin.text().is_some_and(|text| begin.is_after(text, key(upload))));
    if let (super::rollup::Begin::After(marked), Some(id)) = (&begin, query.upload_marker) {
        // As with versions: where the marked upload has gone, all that the key still has is shown.
        let first = uploads.partition_point(|upload| key(upload) < marked.as_str());
        let of_key = uploads.get(first..start).unwrap_or_default();
        start = first + of_key.iter().position(|upload| upload.id() == id).map_or(0, |at| at + 1);
    }
    uploads.get(start..).unwrap_or_default()
}

fn item(upload: &Upload, bucket: &Bucket) -> UploadItem {
    UploadItem::Upload {
        key: key(upload).to_owned(),
        id: upload.id(),
        initiator: upload.initiator(),
        created: upload.created(),
        checksum: upload.checksum(),
        facts: facts_of(upload, bucket),
    }
}

fn facts_of(upload: &Upload, bucket: &Bucket) -> EntryFacts {
    let facts = &upload.attributes().facts;
    EntryFacts {
        class: facts.class.clone().or_else(|| bucket.default_class.clone()),
        state: upload.state(),
        patient: facts.patient.clone(),
        names_patient: facts.patient.is_some(),
        department: facts.department.clone(),
    }
}

async fn opened(keys: &Arc<IndexKeys>, bucket: &Bucket, rows: Vec<UploadRow>) -> Result<Vec<Upload>, IndexError> {
    if rows.len() <= limits::OPENED_INLINE_MAX {
        return rows.into_iter().map(|row| opened_upload(keys, bucket, row)).collect();
    }
    let (keys, bucket) = (Arc::clone(keys), bucket.clone());
    let all = move || rows.into_iter().map(|row| opened_upload(&keys, &bucket, row)).collect();
    tokio::task::spawn_blocking(all).await.map_err(|_stopped| IndexError::Stopping)?
}
