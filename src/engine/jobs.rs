use crate::domain::{NodeId, UtcTime};
use std::time::Duration;

/// What a long job does. There is one job of each kind; the number is what rows carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum JobKind {
    /// Reads every stored frame and compares it with its row.
    Scrub = 1,
}

/// A long job as it stands: whose it is, how far it has come, and what operators want of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// Who took it last, unless it was given back.
    pub holder: Option<NodeId>,
    /// Grows with each taking. What was written under a smaller one than the row's is refused.
    pub token: u64,
    /// When the holder's lease ends, on the index's own clock: the nodes' clocks may differ, that one is the same for all.
    pub lease_end: UtcTime,
    /// Whether the lease had not ended when the row was read, on the same clock.
    pub is_held: bool,
    /// What operators want of it.
    pub wanted: JobWanted,
    /// How often operators have asked for a pass.
    pub asked: u64,
    /// How many of these the newest pass answers.
    pub answered: u64,
    /// What the job has written about its work.
    pub progress: JobProgress,
}

/// What operators want of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobWanted {
    /// To do its work.
    Work,
    /// To rest.
    Rest,
}

/// What a job writes about its work. The engine looks into none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// Where it goes on.
    pub cursor: Vec<u8>,
    /// What it has counted and found.
    pub report: Vec<u8>,
    /// When its newest pass began.
    pub started: Option<UtcTime>,
    /// When that pass ended; nothing while it is under way.
    pub finished: Option<UtcTime>,
    /// When the last full pass ended.
    pub last_full: Option<UtcTime>,
}

/// What a holder writes: its progress, and what becomes of its lease.
#[derive(Debug, Clone)]
pub struct JobSave {
    /// The token that it was given when it took the job.
    pub token: u64,
    /// How long it holds the job from now on; nothing where it gives the job back.
    pub lease: Option<Duration>,
    /// How many of the operators' wishes the newest pass answers.
    pub answered: u64,
    /// How far it is.
    pub progress: JobProgress,
}

/// What an operator wants of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOrder {
    /// A pass as soon as one may begin.
    Start,
    /// It rests until it is resumed.
    Pause,
    /// It rests no longer.
    Resume,
}
