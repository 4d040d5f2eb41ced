/// What a transaction came to: its answer, and whether what it wrote stays.
pub(super) enum Step<T> {
    /// It stays.
    Keep(T),
    /// It is undone: a conflict that was noticed halfway.
    Undo(T),
}

impl<T> Step<T> {
    pub(super) fn answer(self) -> T {
        match self {
            Self::Keep(answer) | Self::Undo(answer) => answer,
        }
    }
}
