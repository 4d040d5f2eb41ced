//! Views of live state for people who check: the audit log's reader.

mod access_log;

pub use access_log::{AccessLog, AccessLogError, AccessLogPage, AccessLogQuery};
