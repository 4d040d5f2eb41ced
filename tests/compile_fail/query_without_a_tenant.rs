// error[E0599]: no method named `bucket` found
use hozon::domain::BucketName;
use hozon::index::Index;

pub async fn find(index: Index, name: BucketName) {
    let _bucket = index.bucket(&name).await;
}
