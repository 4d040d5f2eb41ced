/// How many kinds of proof records of patients take (ID-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factors {
    /// One will do.
    One,
    /// A second one is demanded.
    Two,
}

/// When a record must name its patient, if its class is one of patients (AC-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatientsNamed {
    /// Where the request states the class. What gets it by the default of its bucket may come from a client that knows nothing
    /// of patients.
    WithStatedClass,
    /// Always.
    Always,
}
