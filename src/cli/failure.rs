use std::error::Error;
use std::io::Write;

/// The command line was not understood.
pub(super) const USAGE: u8 = 2;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    text: String,
    causes: Vec<String>,
    advice: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Failed,
    Usage,
    Refused,
    Unreachable,
}

impl Failure {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), causes: Vec::new(), advice: None }
    }

    /// Something went wrong here.
    pub(super) fn failed(error: impl Error) -> Self {
        Self::new(Kind::Failed, error.to_string()).caused_by(&error)
    }

    /// The same, of an error that is still needed.
    pub(super) fn failed_by(error: &dyn Error) -> Self {
        Self::new(Kind::Failed, error.to_string()).caused_by(error)
    }

    /// Something is wrong here, in words.
    pub(super) fn wrong(text: impl Into<String>) -> Self {
        Self::new(Kind::Failed, text)
    }

    /// The command line is not understood.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::new(Kind::Usage, text)
    }

    /// Somebody said no.
    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self::new(Kind::Refused, text)
    }

    /// Nobody answered.
    pub(super) fn unreachable(error: impl Error) -> Self {
        Self::new(Kind::Unreachable, error.to_string()).caused_by(&error)
    }

    /// Adds what to do next.
    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    fn caused_by(mut self, error: &dyn Error) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Errors that pass their source through say the same thing twice.
            if self.causes.last().unwrap_or(&self.text) != &text {
                self.causes.push(text);
            }
            cause = error.source();
        }
        self
    }

    /// The exit code.
    pub(super) const fn code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => USAGE,
            Kind::Refused => 3,
            Kind::Unreachable => 4,
        }
    }

    /// Tells it on standard error.
    pub(super) fn tell(&self) {
        let _closed = std::io::stderr().write_all(self.message().as_bytes()); // nobody reads
    }

    fn message(&self) -> String {
        let causes: String = self.causes.iter().map(|cause| format!("  because: {cause}\n")).collect();
        let advice = self.advice.iter().map(|advice| format!("  next: {advice}\n")).collect::<String>();
        format!("hozon: {}\n{causes}{advice}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_what_why_and_what_next() {
        let source = std::io::Error::other("no such file");
        let error = crate::listener::ListenerError::Bind { address: "127.0.0.1:1".parse().unwrap(), source };
        let failure = Failure::unreachable(error).advise("do this");
        assert_eq!(failure.message(), "hozon: cannot listen on 127.0.0.1:1\n  because: no such file\n  next: do this\n");
        assert_eq!(failure.code(), 4);
    }
}
