/// Stands in the extensions of an answer whose body is a short document that lies in memory: nothing else is occupied
/// while a client takes it, however slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerInMemory;
