#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop where something is not as it must be")]

//! Backups of a real index in a real directory: what is in them, what comes back, and what is noticed.

#[path = "backup/harm.rs"]
mod harm;
#[path = "backup/house.rs"]
mod house;
#[path = "backup/keeping.rs"]
mod keeping;
#[path = "engine/rows.rs"]
#[expect(dead_code, reason = "the engine's suite uses the others")]
mod rows;
