//! hozon (保存): an encrypted storage gateway for medical records.
//!
//! Medical apps speak S3 to it; behind it stands any object store. Data flows one way, from the
//! outer layers to the inner ones; `docs/ARCHITECTURE.md` has the picture and `tests/house_rules.rs`
//! keeps it.

pub mod config;
pub mod digest;
pub mod domain;
pub mod engine;
pub mod listener;
pub mod meters;
pub mod seal;
