//! What a client sets on a record besides its bytes: user metadata, HTTP headers, and the medical facts among them.

use super::encoded_word;
use super::fault::Fault;
use crate::domain::{Attributes, ContentHeaders, PatientId, Purpose, RecordClass, RecordFacts, RecordState};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use s3s::S3ErrorCode;
use unicode_normalization::UnicodeNormalization;

const PREFIX: &str = "x-amz-meta-";

/// Attributes and state as the headers of a write state them. The key is left empty.
#[derive(Debug)]
pub(super) struct Stated {
    /// Headers, metadata and facts.
    pub(super) attributes: Attributes,
    /// The state the version shall have.
    pub(super) state: RecordState,
}

impl Stated {
    /// Reads them off the headers of a write.
    ///
    /// # Errors
    /// `MetadataTooLarge`, or `InvalidArgument` naming the header.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let metadata = user_metadata(headers)?;
        let facts = facts(&metadata)?;
        let state = state(&metadata, &facts)?;
        let attributes = Attributes { headers: content_headers(headers)?, metadata, facts, ..Attributes::default() };
        attributes.check().map_err(|too_large| {
            let message = "Your metadata headers exceed the maximum allowed metadata size.";
            let fault = Fault::new(S3ErrorCode::MetadataTooLarge, message).with("Size", too_large.bytes.to_string());
            fault.with("MaxSizeAllowed", crate::domain::limits::USER_METADATA_BYTES_MAX.to_string())
        })?;
        Ok(Self { attributes, state })
    }
}

/// The header that states the purpose of use.
pub(super) const PURPOSE: &str = "x-hozon-purpose";

/// The purpose of use that a request states.
///
/// # Errors
/// `InvalidArgument` for one that is not known.
pub(super) fn purpose(headers: &HeaderMap) -> Result<Option<Purpose>, Fault> {
    let Some(text) = single(headers, PURPOSE)? else { return Ok(None) };
    Purpose::parse(&text).map(Some).map_err(|_| Fault::argument("x-hozon-purpose", "The purpose of use is not known."))
}

/// Writes what was stored back into the headers of an answer, as it was given.
pub(super) fn give_back(attributes: &Attributes, answer: &mut HeaderMap) {
    let ContentHeaders { content_type, content_disposition, content_encoding, content_language, cache_control, expires } =
        &attributes.headers;
    let kept = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, content_disposition),
        (header::CONTENT_ENCODING, content_encoding),
        (header::CONTENT_LANGUAGE, content_language),
        (header::CACHE_CONTROL, cache_control),
        (header::EXPIRES, expires),
    ];
    for (name, value) in kept {
        let value = value.as_deref().map(encoded_or_raw);
        if let Some(Some(value)) = value {
            answer.insert(name, value);
        }
    }
    if !answer.contains_key(header::CONTENT_TYPE) {
        answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("binary/octet-stream"));
    }
    for (name, value) in &attributes.metadata {
        let header = HeaderName::from_bytes(format!("{PREFIX}{name}").as_bytes());
        let value = HeaderValue::from_str(&encoded_word::encode(value));
        // Both came in through headers, or through an API that checks the same.
        if let (Ok(header), Ok(value)) = (header, value) {
            answer.insert(header, value);
        }
    }
}

/// HTTP headers of old hold raw UTF-8 where their makers sent it, and go back the same.
fn encoded_or_raw(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

fn user_metadata(headers: &HeaderMap) -> Result<Vec<(String, String)>, Fault> {
    let mut metadata = Vec::new();
    for name in headers.keys() {
        let Some(short) = name.as_str().strip_prefix(PREFIX).filter(|short| !short.is_empty()) else { continue };
        let mut values = headers.get_all(name).iter();
        let value = values.next().map_or(&b""[..], HeaderValue::as_bytes);
        let text = std::str::from_utf8(value).ok().filter(|_| values.next().is_none());
        let text = text.ok_or_else(|| {
            let message = "A user metadata header must be given once, in ASCII, UTF-8 or RFC 2047 words.";
            Fault::new(S3ErrorCode::InvalidArgument, message).with("ArgumentName", name.as_str())
        })?;
        metadata.push((short.to_owned(), encoded_word::decode(text)));
    }
    // A header map has an order of its own; the same record must read the same on every node.
    metadata.sort();
    Ok(metadata)
}

fn facts(metadata: &[(String, String)]) -> Result<RecordFacts, Fault> {
    let patient = match value(metadata, "patient-id") {
        Some(text) => Some(PatientId::parse(text).map_err(|error| Fault::argument("x-amz-meta-patient-id", sentence(error)))?),
        None => None,
    };
    let class = match value(metadata, "record-class") {
        Some(text) => Some(RecordClass::parse(text).map_err(|error| Fault::argument("x-amz-meta-record-class", sentence(error)))?),
        None => None,
    };
    let text = |name| value(metadata, name).map(str::to_owned);
    Ok(RecordFacts {
        patient,
        class,
        on_behalf_of: text("on-behalf-of"),
        change_reason: text("change-reason"),
        department: text("department"),
        author: text("author"),
    })
}

/// A proxy does not finalise: what is entered for someone else waits for that person's approval (AT-09).
fn state(metadata: &[(String, String)], facts: &RecordFacts) -> Result<RecordState, Fault> {
    match (value(metadata, "record-state"), &facts.on_behalf_of) {
        (None | Some("draft"), _) => Ok(RecordState::Draft),
        (Some("final"), None) => Ok(RecordState::Finalized),
        (Some("final"), Some(_)) => Ok(RecordState::ProxyPending),
        (Some(_), _) => Err(Fault::argument("x-amz-meta-record-state", "The state of a new version is `draft` or `final`.")),
    }
}

/// A stated fact; an empty value states nothing.
fn value<'a>(metadata: &'a [(String, String)], name: &str) -> Option<&'a str> {
    metadata.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

fn content_headers(headers: &HeaderMap) -> Result<ContentHeaders, Fault> {
    Ok(ContentHeaders {
        content_type: single(headers, "content-type")?,
        content_disposition: single(headers, "content-disposition")?,
        content_encoding: single(headers, "content-encoding")?.and_then(|text| without_aws_chunked(&text)),
        content_language: single(headers, "content-language")?,
        cache_control: single(headers, "cache-control")?,
        expires: single(headers, "expires")?,
    })
}

/// `aws-chunked` is how the request travels, not how the record is encoded.
fn without_aws_chunked(text: &str) -> Option<String> {
    let kept: Vec<&str> = text.split(',').map(str::trim).filter(|coding| !coding.is_empty() && *coding != "aws-chunked").collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// The text of a header that may stand once; an empty one counts as absent.
fn single(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Fault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).ok().filter(|_| values.next().is_none());
    let text = text.ok_or_else(|| Fault::argument(name, "The header must be given once, in UTF-8."))?;
    Ok((!text.is_empty()).then(|| text.nfc().collect()))
}

/// An error's message as a sentence for a client.
fn sentence(error: impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn code(pairs: &[(&str, &str)]) -> String {
        Stated::of(&headers(pairs)).map_or_else(|fault| fault.code().to_owned(), |_| "ok".to_owned())
    }

    #[test]
    fn facts_are_read_and_kept_as_metadata_too() {
        let stated = Stated::of(&headers(&[
            ("x-amz-meta-patient-id", "000123"),
            ("x-amz-meta-record-class", "image.xray"),
            ("x-amz-meta-record-state", "final"),
            ("x-amz-meta-author", "=?UTF-8?B?5bGx55Sw?="),
            ("x-amz-meta-department", "内科"),
            ("x-amz-meta-modality", "CR"),
        ]))
        .unwrap();
        let facts = &stated.attributes.facts;
        assert_eq!(facts.patient.as_ref().map(PatientId::as_str), Some("000123"));
        assert_eq!(facts.class.as_ref().map(RecordClass::as_str), Some("image.xray"));
        assert_eq!((facts.author.as_deref(), facts.department.as_deref()), (Some("山田"), Some("内科")));
        assert_eq!(stated.state, RecordState::Finalized);
        assert_eq!(stated.attributes.metadata.len(), 6);
    }

    #[test]
    fn what_is_entered_for_someone_else_is_not_final() {
        let of = |pairs| Stated::of(&headers(pairs)).unwrap().state;
        assert_eq!(of(&[("x-amz-meta-record-state", "final"), ("x-amz-meta-on-behalf-of", "dr-1")]), RecordState::ProxyPending);
        assert_eq!(of(&[("x-amz-meta-on-behalf-of", "dr-1")]), RecordState::Draft);
        assert_eq!(of(&[("x-amz-meta-record-state", "")]), RecordState::Draft);
    }

    #[test]
    fn facts_that_are_none_are_refused_without_repeating_them() {
        for pair in [("x-amz-meta-patient-id", "山田"), ("x-amz-meta-record-class", "X Ray"), ("x-amz-meta-record-state", "amended")] {
            let fault = Stated::of(&headers(&[pair])).unwrap_err();
            assert_eq!(fault.code(), "InvalidArgument");
            let document = fault.document("/", "7");
            assert!(document.contains(pair.0) && !document.contains(pair.1), "{document}");
        }
    }

    #[test]
    fn metadata_is_counted_in_decoded_bytes() {
        assert_eq!(code(&[("x-amz-meta-a", &"v".repeat(2_047))]), "ok");
        assert_eq!(code(&[("x-amz-meta-a", &"v".repeat(2_048))]), "MetadataTooLarge");
        assert_eq!(code(&[("x-amz-meta-a", &encoded_word::encode(&"山".repeat(682)))]), "ok");
    }

    #[test]
    fn one_name_has_one_value() {
        assert_eq!(code(&[("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")]), "InvalidArgument");
        assert_eq!(code(&[("content-type", "a/b"), ("content-type", "c/d")]), "InvalidArgument");
    }

    #[test]
    fn how_a_request_travels_is_not_stored() {
        let of = |text| Stated::of(&headers(&[("content-encoding", text)])).unwrap().attributes.headers.content_encoding;
        assert_eq!(of("aws-chunked"), None);
        assert_eq!(of("aws-chunked, gzip"), Some("gzip".to_owned()));
        assert_eq!(of("gzip,aws-chunked"), Some("gzip".to_owned()));
    }

    #[test]
    fn a_purpose_is_known_or_refused() {
        assert_eq!(purpose(&headers(&[("x-hozon-purpose", "research")])).unwrap(), Some(Purpose::Research));
        assert_eq!(purpose(&headers(&[])).unwrap(), None);
        assert!(purpose(&headers(&[("x-hozon-purpose", "curiosity")])).is_err());
    }

    proptest! {
        #[test]
        fn what_is_given_comes_back(values in prop::collection::btree_map("[a-z][a-z0-9-]{0,12}", "[ -~山田é]{0,60}", 0..6)) {
            let reserved = ["patient-id", "record-class", "record-state"];
            let given: Vec<(String, String)> = values.into_iter()
                .filter(|(name, _)| !reserved.contains(&name.as_str()))
                .map(|(name, value)| (format!("{PREFIX}{name}"), encoded_word::encode(&value.nfc().collect::<String>())))
                .collect();
            let pairs: Vec<(&str, &str)> = given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let stated = Stated::of(&headers(&pairs)).unwrap();
            let mut answer = HeaderMap::new();
            give_back(&stated.attributes, &mut answer);
            for (name, value) in &given {
                prop_assert_eq!(answer[name.as_str()].to_str().unwrap(), value);
            }
        }

        #[test]
        fn no_header_makes_reading_panic(name in "[a-z-]{1,20}", value in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut map = HeaderMap::new();
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(format!("{PREFIX}{name}").as_bytes()), HeaderValue::from_bytes(&value)) {
                map.insert(name, value);
            }
            let _outcome = Stated::of(&map);
        }
    }
}
