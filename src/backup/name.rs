use crate::domain::{ChainId, UtcTime};
use std::fmt;

/// What a piece of a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PieceKind {
    /// Every row, as all were at one moment.
    Snapshot,
    /// What had changed since the piece before, as it was at one moment.
    Journal,
}

impl PieceKind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Journal => "journal",
        }
    }
}

/// What a backup goes on from: all segments of another one before this number. Where that one has further segments, it holds
/// changes that this one lacks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follows {
    /// The other backup, in hexadecimal.
    pub chain: String,
    /// The number.
    pub number: u64,
}

/// The name of a piece, which says all that is needed to choose among pieces. The piece repeats it, sealed.
///
/// FORMAT: `CHAIN/snapshot/NUMBER-AT-TOKEN-TRY` or `CHAIN/journal/…`, numbers in decimal with leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PieceName {
    /// Its backup.
    pub chain: ChainId,
    /// What it holds.
    pub kind: PieceKind,
    /// A segment's place in the journal; of a snapshot the number of the first segment that it may lack something of.
    pub number: u64,
    /// The moment that it is of, on the clock of the gateway that wrote it.
    pub at: UtcTime,
    /// Grows each time a gateway takes the work over: of two segments with one number the one with the larger token holds
    /// what the other holds.
    pub token: u64,
    /// Grows with each try of one gateway.
    pub attempt: u64,
}

impl PieceName {
    /// The name written as `text`; nothing for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (chain, folder, rest) = (ChainId::parse(parts.next()?).ok()?, parts.next()?, parts.next()?);
        let kind = [PieceKind::Snapshot, PieceKind::Journal].into_iter().find(|kind| kind.folder() == folder)?;
        let mut numbers = rest.split('-');
        let mut number = || numbers.next()?.parse::<u64>().ok();
        let (place, at, token, attempt) = (number()?, number()?, number()?, number()?);
        let name = Self { chain, kind, number: place, at: UtcTime::from_micros(i64::try_from(at).ok()?), token, attempt };
        // Only the one way in which we write it.
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for PieceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain, kind, number, at, token, attempt } = self;
        write!(f, "{chain}/{}/{number:012}-{:016}-{token:08}-{attempt:06}", kind.folder(), at.micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_anything_else_is_refused() {
        let name = PieceName {
            chain: ChainId::from_bytes([0xab; 16]),
            kind: PieceKind::Journal,
            number: 7,
            at: UtcTime::from_micros(1_795_400_000_000_000),
            token: 3,
            attempt: 1,
        };
        let text = name.to_string();
        assert_eq!(text, format!("{}/journal/000000000007-1795400000000000-00000003-000001", "ab".repeat(16)));
        assert_eq!(PieceName::parse(&text), Some(name));
        for wrong in ["", "x", &text.replace("journal", "log"), &text.replace("-000001", "-1"), &format!("{text}/x"), &format!("{text}-1")]
        {
            assert_eq!(PieceName::parse(wrong), None, "{wrong}");
        }
    }
}
