/// What a look at a database server found. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkup {
    /// One by one.
    pub checks: Vec<Check>,
    /// Whether our tables are there.
    pub tables: Tables,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// More about it.
    pub detail: String,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, and could be safer.
    Weak,
    /// It would lose data.
    Bad,
}

/// Whether our tables are in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// They will be made at the first start.
    None,
    /// In the form that this program knows best.
    Current,
    /// In another form: the next start changes them, or refuses.
    Other,
}

#[cfg(feature = "postgres")]
impl Check {
    pub(super) const fn new(name: &'static str, verdict: Verdict, detail: String) -> Self {
        Self { name, verdict, detail }
    }
}
