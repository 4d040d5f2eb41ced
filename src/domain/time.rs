use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::format_description::well_known::Rfc3339;
use time::macros::offset;
use time::{Date, Month, OffsetDateTime, UtcOffset};

/// Where the law counts days. Japan has no summer time.
const JAPAN: UtcOffset = offset!(+9);

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct UtcTime(i64);

impl UtcTime {
    /// The moment this many microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The moment that RFC 3339 writes so, with any offset.
    ///
    /// # Errors
    /// [`InvalidMoment`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidMoment> {
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidMoment)?;
        i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000)).map(Self).map_err(|_| InvalidMoment)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The moment `later` after this one, at the far end of time if there is none.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        let micros = i64::try_from(later.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// The moment `earlier` before this one.
    #[must_use]
    pub fn minus(self, earlier: Duration) -> Self {
        let micros = i64::try_from(earlier.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// The calendar day in UTC.
    #[must_use]
    pub fn day(self) -> Day {
        let date = self.to_date_time().date();
        let year = u32::try_from(date.year()).unwrap_or(0);
        Day(year * 10_000 + u32::from(u8::from(date.month())) * 100 + u32::from(date.day()))
    }

    /// The end of a term of `years` full years that starts now, as Japanese law counts: the day itself does not count
    /// (民法140条), and the last day counts whole (141条). None beyond the end of the calendar.
    #[must_use]
    pub fn full_years_in_japan(self, years: u16) -> Option<Self> {
        let first = self.to_date_time().to_offset(JAPAN).date().next_day()?;
        let year = first.year().checked_add(i32::from(years))?;
        // 29 February has no fellow in most years; a day more is never too short.
        let end = first.replace_year(year).or_else(|_| Date::from_calendar_date(year, Month::March, 1)).ok()?;
        let end = end.midnight().assume_offset(JAPAN);
        Some(Self(end.unix_timestamp().checked_mul(1_000_000)?))
    }

    /// The same moment without the part of a second.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Self(self.seconds() * 1_000_000)
    }

    /// The hour of the day (0 to 23) and the day of the week (1, Monday, to 7) in Japan.
    #[must_use]
    pub fn hour_in_japan(self) -> (i64, i64) {
        let there = self.to_date_time().to_offset(JAPAN);
        (i64::from(there.hour()), i64::from(there.weekday().number_from_monday()))
    }

    /// The same moment for calendars and formatters.
    #[must_use]
    pub fn to_date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_date_time().format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a moment with its offset, such as 2027-03-31T15:00:00Z or 2027-04-01T00:00:00+09:00")]
pub struct InvalidMoment;

/// A calendar day in UTC, as the number `yyyymmdd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(u32);

impl Day {
    /// The day `yyyymmdd`, unchecked beyond its eight digits.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        if number >= 10_000_101 && number <= 99_991_231 { Some(Self(number)) } else { None }
    }

    /// The number `yyyymmdd`.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}", self.0)
    }
}

/// Tells the time. The one seam that has a twin for tests.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now.
    fn now(&self) -> UtcTime;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UtcTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UtcTime::from_micros(0).plus(since)
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub const fn new(start: UtcTime) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.store(self.now().plus(by).0, Ordering::Release);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UtcTime {
        UtcTime(self.0.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_years_end_with_the_day_that_has_the_same_date() {
        let ends = |text: &str, years| {
            let start = OffsetDateTime::parse(text, &Rfc3339).unwrap();
            UtcTime::from_micros(start.unix_timestamp() * 1_000_000).full_years_in_japan(years).map(|end| end.to_string())
        };
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(ends("2026-04-01T00:00:00+09:00", 3), is("2029-04-01T15:00:00Z"));
        assert_eq!(ends("2026-04-01T23:59:59+09:00", 3), is("2029-04-01T15:00:00Z"));
        assert_eq!(ends("2026-12-31T12:00:00+09:00", 5), is("2031-12-31T15:00:00Z"));
        for leap in ["2024-02-28T12:00:00+09:00", "2024-02-29T12:00:00+09:00"] {
            assert_eq!(ends(leap, 5), is("2029-02-28T15:00:00Z"), "{leap}");
        }
        assert_eq!(ends("9998-01-01T00:00:00+09:00", 5), None);
    }

    #[test]
    fn a_day_is_read_off_a_moment() {
        assert_eq!(UtcTime::from_micros(1_700_000_000_000_000).day().number(), 20_231_114);
        assert_eq!(UtcTime::from_micros(1_700_000_000_000_000).to_string(), "2023-11-14T22:13:20Z");
    }
}
