//! How rows lie in the tables, the same for every database: which columns a query names, and what they mean when they
//! come back.

pub(super) mod buckets;
pub(super) mod directives;
pub(super) mod directories;
pub(super) mod frames;
pub(super) mod jobs;
pub(super) mod journal;
pub(super) mod people;
pub(super) mod runs;
pub(super) mod uploads;
pub(super) mod versions;
