//! Tag sets of versions, from a header or a document.

use super::fault::Fault;
use crate::domain::limits;
use http::StatusCode;
use percent_encoding::percent_decode_str;
use s3s::S3ErrorCode;
use s3s::dto::Tag;

/// The tags in `x-amz-tagging`, written like a query.
///
/// # Errors
/// `InvalidArgument` where it is not written so, else as [`checked`].
pub(super) fn of_header(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().map(|text| text.into_owned());
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(name)?, decoded(value)?))
    });
    let tags: Result<Vec<_>, std::str::Utf8Error> = pairs.collect();
    let tags = tags.map_err(|_| Fault::argument("x-amz-tagging", "The tags must be UTF-8, encoded like a URL query."))?;
    checked(tags)
}

/// The tags of a document.
///
/// # Errors
/// `InvalidTag` for a tag without a key, else as [`checked`].
pub(super) fn of_document(tags: Vec<Tag>) -> Result<Vec<(String, String)>, Fault> {
    let pair = |tag: Tag| Some((tag.key?, tag.value.unwrap_or_default()));
    checked(tags.into_iter().map(pair).collect::<Option<_>>().ok_or_else(|| invalid("A tag has no key"))?)
}

/// S3's form of a tag set.
pub(super) fn document(tags: &[(String, String)]) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

/// # Errors
/// `BadRequest` over ten, `InvalidTag` for what S3 takes as no tag.
fn checked(tags: Vec<(String, String)>) -> Result<Vec<(String, String)>, Fault> {
    if tags.len() > limits::TAGS_MAX {
        return Err(Fault::custom("BadRequest", StatusCode::BAD_REQUEST, "Object tags cannot be greater than 10"));
    }
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() && !c.is_control() || "+-=._:/@".contains(c);
    for (at, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > limits::TAG_KEY_CHARS_MAX || !key.chars().all(allowed) || key.starts_with("aws:") {
            return Err(invalid("The TagKey you have provided is invalid"));
        }
        if value.chars().count() > limits::TAG_VALUE_CHARS_MAX || !value.chars().all(allowed) {
            return Err(invalid("The TagValue you have provided is invalid"));
        }
        if tags.iter().take(at).any(|(other, _)| other == key) {
            return Err(invalid("Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags)
}

fn invalid(message: &'static str) -> Fault {
    Fault::new(S3ErrorCode::InvalidTag, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        of_header(text).map_or_else(|fault| fault.code().to_owned(), |_| "ok".to_owned())
    }

    #[test]
    fn a_header_is_read_like_a_query() {
        let tags = of_header("ward=3%20East&note=a+b&%E8%A8%BA=%E7%99%82&flag").unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(tags, [pair("ward", "3 East"), pair("note", "a b"), pair("診", "療"), pair("flag", "")]);
        assert_eq!(of_document(document(&tags)).unwrap(), tags);
    }

    #[test]
    fn what_s3_takes_as_no_tag_is_refused() {
        assert_eq!(code("a=1&a=2"), "InvalidTag");
        assert_eq!(code("aws:a=1"), "InvalidTag");
        assert_eq!(code("=1"), "InvalidTag");
        assert_eq!(code("a=%01"), "InvalidTag");
        assert_eq!(code("a=%FF"), "InvalidArgument");
        assert_eq!(code(&format!("{}=1", "k".repeat(129))), "InvalidTag");
        assert_eq!(code(&format!("k={}", "v".repeat(257))), "InvalidTag");
        assert_eq!(code(&(0..11).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join("&")), "BadRequest");
    }
}
