//! S3 over the whole gateway without a network: requests are signed as clients sign them and answered by the
//! endpoint that the listener serves.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up may stop")]

#[path = "s3/access.rs"]
mod access;
#[path = "s3/answered.rs"]
mod answered;
#[path = "s3/bodies.rs"]
mod bodies;
#[path = "s3/buckets.rs"]
mod buckets;
#[path = "s3/copies.rs"]
mod copies;
#[path = "s3/damage.rs"]
mod damage;
#[path = "s3/degraded.rs"]
mod degraded;
#[path = "blob/failing_store.rs"]
mod failing_store;
#[path = "s3/gateway.rs"]
mod gateway;
#[path = "s3/grid.rs"]
mod grid;
#[path = "s3/hostile.rs"]
mod hostile;
#[path = "s3/identity.rs"]
mod identity;
#[path = "s3/issuer.rs"]
mod issuer;
#[path = "s3/listings.rs"]
mod listings;
#[path = "s3/long_writes.rs"]
mod long_writes;
#[path = "s3/mixups.rs"]
mod mixups;
#[path = "support/numbers.rs"]
mod numbers;
#[path = "s3/objects.rs"]
mod objects;
#[path = "s3/on_record.rs"]
mod on_record;
#[path = "s3/operations.rs"]
mod operations;
#[path = "s3/rates.rs"]
mod rates;
#[path = "s3/signing.rs"]
mod signing;
#[path = "s3/uploads.rs"]
mod uploads;
#[path = "s3/versions.rs"]
mod versions;
#[path = "s3/withdrawal.rs"]
mod withdrawal;
