/// Bytes of a plaintext, from `start` up to but not including `end`. May be empty only if the whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl ByteRange {
    /// All of a body of `length` bytes.
    #[must_use]
    pub const fn whole(length: u64) -> Self {
        Self { start: 0, end: length }
    }

    /// How many bytes it spans.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether it spans none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// A range as a client asks for it (RFC 9110 §14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeRequest {
    /// `bytes=first-last`, the last byte included, or open.
    From {
        /// First byte.
        first: u64,
        /// Last byte, included; to the end where absent.
        last: Option<u64>,
    },
    /// `bytes=-length`: the last bytes.
    Suffix {
        /// How many.
        length: u64,
    },
}

/// No byte of the body lies in the range: HTTP 416.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the range does not lie within the {length} bytes of the body")]
pub struct Unsatisfiable {
    /// The body's length.
    pub length: u64,
}

impl RangeRequest {
    /// The bytes meant in a body of `length` bytes.
    ///
    /// # Errors
    /// [`Unsatisfiable`] when there are none.
    pub fn resolve(self, length: u64) -> Result<ByteRange, Unsatisfiable> {
        let (start, end) = match self {
            Self::From { first, last } => (first, last.map_or(length, |last| last.saturating_add(1).min(length))),
            Self::Suffix { length: wanted } => (length.saturating_sub(wanted), length),
        };
        if start >= end { Err(Unsatisfiable { length }) } else { Ok(ByteRange { start, end }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_resolve_as_rfc_9110_says() {
        let from = |first, last| RangeRequest::From { first, last }.resolve(10);
        assert_eq!(from(0, Some(0)), Ok(ByteRange { start: 0, end: 1 }));
        assert_eq!(from(3, None), Ok(ByteRange { start: 3, end: 10 }));
        assert_eq!(from(3, Some(u64::MAX)), Ok(ByteRange { start: 3, end: 10 }));
        assert_eq!(from(10, None), Err(Unsatisfiable { length: 10 }));
        assert_eq!(from(5, Some(4)), Err(Unsatisfiable { length: 10 }));
        assert_eq!(RangeRequest::Suffix { length: 4 }.resolve(10), Ok(ByteRange { start: 6, end: 10 }));
        assert_eq!(RangeRequest::Suffix { length: 40 }.resolve(10), Ok(ByteRange { start: 0, end: 10 }));
        assert!(RangeRequest::Suffix { length: 0 }.resolve(10).is_err());
        assert!(RangeRequest::From { first: 0, last: None }.resolve(0).is_err());
    }
}
