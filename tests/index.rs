//! The index over an engine: listing against a plain model, tampering, and what may be seen at rest.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail loudly")]

#[path = "index/at_rest.rs"]
mod at_rest;
#[path = "index/listing.rs"]
mod listing;
#[path = "index/memory.rs"]
mod memory;
#[path = "index/records.rs"]
mod records;
#[path = "index/runs.rs"]
mod runs;
#[path = "index/support.rs"]
mod support;
#[path = "index/tamper.rs"]
mod tamper;
#[path = "index/uploads.rs"]
mod uploads;
