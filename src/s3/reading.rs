//! Which bytes of a version a reader gets, if any.

use super::answer;
use super::call::Call;
use super::errors::{self, IsCopy};
use super::fault::Fault;
use crate::domain::{ByteRange, RangeCondition, RangeRequest, ReadConditions, TagCondition, UtcTime};
use crate::index::{TenantIndex, Version};
use crate::policy::{Permitted, Read};
use http::StatusCode;
use s3s::S3ErrorCode;
use s3s::dto::{ETagCondition, Range, Timestamp, TimestampFormat};
use time::OffsetDateTime;

/// What a reader asks for besides the version.
#[derive(Debug)]
pub(super) struct Wish {
    conditions: ReadConditions,
    range: Option<Range>,
    if_range: Option<RangeCondition>,
    part: Option<i32>,
}

/// What a reader gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Served {
    /// The bytes.
    pub(super) range: ByteRange,
    /// Whether they are sent as part of a whole (206).
    pub(super) extent: Extent,
}

/// All of a version, or a piece of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All.
    Whole,
    /// A range.
    Range,
    /// One part of an upload.
    Part,
}

impl Wish {
    /// The wish that a request states.
    ///
    /// # Errors
    /// `InvalidArgument` for headers that say nothing.
    pub(super) fn stated(call: &Call, part: Option<i32>) -> Result<Self, Fault> {
        let range = call.header("range").map(Range::parse).transpose();
        Ok(Self {
            conditions: conditions(call, ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"])?,
            range: range.map_err(|_| Fault::argument("range", "The header holds no single range of bytes."))?,
            if_range: call.header("if-range").map(range_condition),
            part,
        })
    }

    /// Finds out what the wish comes to for `version`.
    ///
    /// # Errors
    /// 304, 412 or 416; the version's part table may also fail.
    pub(super) async fn served(&self, version: &Version, index: TenantIndex<'_>) -> Result<Served, Fault> {
        let row = &version.row;
        if let Err(unmet) = self.conditions.check(row.etag, row.created) {
            return Err(answer::with_validators(errors::of_condition(unmet, IsCopy::No), version));
        }
        let holds = self.if_range.as_ref().is_none_or(|condition| condition.holds(row.etag, row.created));
        match (self.range.filter(|_| holds), self.part) {
            (Some(_), Some(_)) => {
                let message = "Cannot specify both Range header and partNumber query parameter";
                Err(Fault::new(S3ErrorCode::InvalidRequest, message))
            }
            (None, None) => Ok(Served { range: ByteRange::whole(row.size), extent: Extent::Whole }),
            (Some(range), None) => {
                let range = resolve(range, row.size)?;
                Ok(Served { range, extent: Extent::Range })
            }
            (None, Some(number)) => part(number, version, index).await,
        }
    }
}

impl Served {
    /// The value of `Content-Range`, where there is one. A part without bytes has no range.
    pub(super) fn content_range(&self, size: u64) -> Option<String> {
        let last = self.range.end.checked_sub(1).filter(|_| self.extent != Extent::Whole && !self.range.is_empty())?;
        Some(format!("bytes {}-{last}/{size}", self.range.start))
    }

    /// Whether the bytes are all of the version's `size`.
    pub(super) const fn is_all(&self, size: u64) -> bool {
        self.range.start == 0 && self.range.end == size
    }
}

/// # Errors
/// 416 when no byte lies in the range.
fn resolve(range: Range, size: u64) -> Result<ByteRange, Fault> {
    let request = match range {
        Range::Int { first, last } => RangeRequest::From { first, last },
        Range::Suffix { length } => RangeRequest::Suffix { length },
    };
    request.resolve(size).map_err(|_| {
        let fault = Fault::new(S3ErrorCode::InvalidRange, "The requested range is not satisfiable");
        let fault = fault.with("RangeRequested", range.to_header_string()).with("ActualObjectSize", size.to_string());
        fault.with_header("content-range", &format!("bytes */{size}"))
    })
}

/// A version that was put at once has one part.
async fn part(number: i32, version: &Version, index: TenantIndex<'_>) -> Result<Served, Fault> {
    let number = u32::try_from(number).ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| Fault::argument("partNumber", "Part number must be an integer between 1 and 10000, inclusive"))?;
    if version.row.parts == 0 && number == 1 {
        return Ok(Served { range: ByteRange::whole(version.row.size), extent: Extent::Part });
    }
    let Some(part) = index.part(version, number).await? else {
        let fault = Fault::custom("InvalidPartNumber", StatusCode::RANGE_NOT_SATISFIABLE, "The requested partnumber is not satisfiable");
        let fault = fault.with("PartNumberRequested", number.to_string());
        return Err(fault.with("ActualPartCount", version.row.parts.max(1).to_string()));
    };
    let range = ByteRange { start: part.row.offset, end: part.row.offset.saturating_add(part.row.length) };
    Ok(Served { range, extent: Extent::Part })
}

/// The range of the source of a part copy, which must lie within the source.
///
/// # Errors
/// `InvalidArgument` for another form, or bytes that are not there.
pub(super) fn source_range(text: Option<&str>, size: u64) -> Result<ByteRange, Fault> {
    let Some(text) = text else { return Ok(ByteRange::whole(size)) };
    let name = "x-amz-copy-source-range";
    match Range::parse(text) {
        Ok(Range::Int { first, last: Some(last) }) if last < size => Ok(ByteRange { start: first, end: last + 1 }),
        Ok(Range::Int { last: Some(_), .. }) => {
            Err(Fault::argument(name, format!("Range specified is not valid for source object of size: {size}")))
        }
        Ok(Range::Int { last: None, .. } | Range::Suffix { .. }) | Err(_) => {
            let message = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
                           zero-based offsets of the first and last bytes to copy";
            Err(Fault::argument(name, message))
        }
    }
}

/// The conditions in the four headers named.
///
/// # Errors
/// `InvalidArgument` for a tag or moment that is none.
pub(super) fn conditions(call: &Call, names: [&'static str; 4]) -> Result<ReadConditions, Fault> {
    let [if_match, if_none_match, if_modified_since, if_unmodified_since] = names;
    let tag = |name: &'static str| match call.header(name).map(|text| ETagCondition::parse_http_header(text.as_bytes())) {
        None => Ok(None),
        Some(Ok(ETagCondition::Any)) => Ok(Some(TagCondition::Any)),
        // Weak tags compare like strong ones: ours are all strong.
        Some(Ok(ETagCondition::ETag(tag))) => Ok(Some(TagCondition::Tag(tag.into_value()))),
        Some(Err(_)) => Err(Fault::argument(name, "The header holds no entity tag.")),
    };
    let at = |name: &'static str| match call.header(name).map(http_moment) {
        None => Ok(None),
        Some(Some(moment)) => Ok(Some(moment)),
        Some(None) => Err(Fault::argument(name, "The header holds no HTTP date.")),
    };
    Ok(ReadConditions {
        if_match: tag(if_match)?,
        if_none_match: tag(if_none_match)?,
        if_modified_since: at(if_modified_since)?,
        if_unmodified_since: at(if_unmodified_since)?,
    })
}

fn http_moment(text: &str) -> Option<UtcTime> {
    let moment = OffsetDateTime::from(Timestamp::parse(TimestampFormat::HttpDate, text).ok()?);
    Some(UtcTime::from_micros(moment.unix_timestamp().saturating_mul(1_000_000)))
}

fn range_condition(text: &str) -> RangeCondition {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(tag) => RangeCondition::Tag(tag.to_owned()),
        None => http_moment(text).map_or(RangeCondition::Never, RangeCondition::Modified),
    }
}

/// A fault from which the caller learns that a version exists, or how it is: it is told only on record.
pub(super) async fn told(permitted: Permitted<Read>, fault: Fault) -> Fault {
    match permitted.recorded().await {
        Ok(_admitted) => fault,
        Err(unrecorded) => unrecorded.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(start: u64, end: u64, extent: Extent) -> Served {
        Served { range: ByteRange { start, end }, extent }
    }

    #[test]
    fn a_piece_tells_where_it_lies() {
        assert_eq!(served(0, 10, Extent::Whole).content_range(10), None);
        assert_eq!(served(0, 10, Extent::Part).content_range(10).as_deref(), Some("bytes 0-9/10"));
        assert_eq!(served(3, 5, Extent::Range).content_range(10).as_deref(), Some("bytes 3-4/10"));
        assert_eq!(served(0, 0, Extent::Part).content_range(0), None);
        assert!(served(0, 10, Extent::Range).is_all(10) && !served(1, 10, Extent::Range).is_all(10));
    }

    #[test]
    fn a_range_without_bytes_is_refused_with_the_size() {
        let fault = resolve(Range::Int { first: 10, last: None }, 10).unwrap_err();
        assert_eq!(fault.code(), "InvalidRange");
        assert_eq!(fault.into_response("/", "7").headers()["content-range"], "bytes */10");
        assert_eq!(resolve(Range::Suffix { length: 3 }, 10).unwrap(), ByteRange { start: 7, end: 10 });
    }

    #[test]
    fn the_source_of_a_part_copy_has_every_byte_asked_for() {
        assert_eq!(source_range(None, 10).unwrap(), ByteRange::whole(10));
        assert_eq!(source_range(Some("bytes=2-9"), 10).unwrap(), ByteRange { start: 2, end: 10 });
        for bad in ["bytes=2-10", "bytes=2-", "bytes=-2", "2-3", "bytes=3-2"] {
            assert_eq!(source_range(Some(bad), 10).unwrap_err().code(), "InvalidArgument", "{bad}");
        }
    }
}
