/// How many kinds of proof records of patients take (ID-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factors {
    /// One will do.
    One,
    /// A second one is demanded.
    Two,
}
