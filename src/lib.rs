//! hozon (保存): an encrypted storage gateway for medical records.
//!
//! Medical apps speak S3 to it; behind it stands any object store. Data flows one way, from the
//! outer layers to the inner ones; `docs/ARCHITECTURE.md` has the picture and `tests/house_rules.rs`
//! keeps it.

pub mod access;
pub mod admin;
pub mod api;
pub mod app;
pub mod audit;
pub mod backup;
pub mod blob;
pub mod cli;
pub mod client;
pub mod config;
pub mod content;
pub mod demo;
pub mod digest;
pub mod domain;
pub mod engine;
pub mod files;
pub mod identity;
pub mod index;
pub mod keys;
pub mod leases;
pub mod listener;
pub mod meters;
pub mod objects;
pub mod oversight;
pub mod policy;
pub mod report;
pub mod root;
pub mod s3;
pub mod seal;
pub mod sts;
pub mod telemetry;
pub mod upkeep;
