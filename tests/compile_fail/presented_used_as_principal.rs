// error[E0308]: mismatched types
// expected `&Arc<Principal>`
use hozon::domain::BucketName;
use hozon::identity::Presented;
use hozon::policy::{Circumstances, Gate};
use std::sync::Arc;

pub async fn see(gate: Gate, around: Circumstances, presented: Arc<Presented>, bucket: BucketName) {
    let _seen = gate.view_bucket(&presented, &around, &bucket).await;
}
