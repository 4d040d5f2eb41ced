//! The checksums that clients state, of bodies, documents and whole uploads.

use super::fault::Fault;
use crate::digest::{Digests, Finished};
use crate::domain::{ChecksumAlgorithm, ChecksumType, Checksums};
use crate::objects::BodyFault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use s3s::S3ErrorCode;

/// Where the value of a stated checksum stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// In a header, in base64.
    Header(String),
    /// In a trailer of this name, after the body.
    Trailer,
}

/// What a client states about the digests of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Expected {
    md5: Option<String>,
    checksum: Option<(ChecksumAlgorithm, Place)>,
}

impl Expected {
    /// Reads them off the headers.
    ///
    /// # Errors
    /// `InvalidRequest` when they contradict each other or name what is not known.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let md5 = stated_md5(headers)?;
        let in_header =
            ChecksumAlgorithm::ALL.into_iter().filter_map(|a| Some((a, Place::Header(text(headers, header_of(a))?.to_owned()))));
        let mut stated: Vec<_> = in_header.collect();
        if let Some(names) = text(headers, "x-amz-trailer") {
            for name in names.split(',').map(str::trim) {
                let algorithm = ChecksumAlgorithm::ALL.into_iter().find(|a| name.eq_ignore_ascii_case(header_of(*a)));
                stated.push((
                    algorithm.ok_or_else(|| invalid("The value specified in the x-amz-trailer header is not supported"))?,
                    Place::Trailer,
                ));
            }
        }
        if stated.len() > 1 {
            return Err(invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."));
        }
        let checksum = stated.pop();
        if let Some((algorithm, Place::Header(stated))) = &checksum
            && value(stated, algorithm.value_bytes()).is_none()
        {
            let message = format!("Value for {} header is invalid.", header_of(*algorithm));
            return Err(Fault::new(S3ErrorCode::InvalidRequest, message));
        }
        match (text(headers, "x-amz-sdk-checksum-algorithm"), &checksum) {
            (Some(name), Some((algorithm, _))) if !name.eq_ignore_ascii_case(algorithm.name()) => {
                Err(invalid("Value for x-amz-sdk-checksum-algorithm header is invalid."))
            }
            (Some(name), None) if algorithm_named(name).is_none() && !name.eq_ignore_ascii_case("MD5") => {
                Err(invalid("Value for x-amz-sdk-checksum-algorithm header is invalid."))
            }
            (Some(_), None) if md5.is_none() => Err(invalid(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
            )),
            _ => Ok(Self { md5, checksum }),
        }
    }

    /// Only the MD5: for a document whose other checksums are about something else.
    ///
    /// # Errors
    /// `InvalidDigest` when it is no MD5.
    pub(super) fn md5_of(headers: &HeaderMap) -> Result<Self, Fault> {
        let md5 = stated_md5(headers)?;
        Ok(Self { md5, checksum: None })
    }

    /// The algorithm whose value the client states.
    pub(super) fn algorithm(&self) -> Option<ChecksumAlgorithm> {
        self.checksum.as_ref().map(|(algorithm, _)| *algorithm)
    }

    /// Whether the value comes after the body.
    pub(super) fn in_trailer(&self) -> bool {
        matches!(self.checksum, Some((_, Place::Trailer)))
    }

    /// Whether anything is stated at all.
    pub(super) const fn is_empty(&self) -> bool {
        self.md5.is_none() && self.checksum.is_none()
    }

    /// Digests that run over the body: only what is needed to compare, and what is kept where the client states none.
    pub(super) fn digests(&self, kept: ChecksumAlgorithm) -> Digests {
        let digests = Digests::keeping(self.algorithm().unwrap_or(kept));
        if self.md5.is_some() { digests.and_md5() } else { digests }
    }

    /// Compares what was stated with what came.
    ///
    /// # Errors
    /// [`BodyFault`] for the first that is not the same, or no value.
    pub(super) fn verify(&self, came: &Finished, trailers: Option<&HeaderMap>) -> Result<(), BodyFault> {
        if let Some(stated) = &self.md5 {
            let stated = value(stated, 16).ok_or(BodyFault::ChecksumForm { algorithm: "MD5" })?;
            if came.md5.map(Vec::from) != Some(stated) {
                return Err(BodyFault::Checksum { algorithm: "MD5" });
            }
        }
        let Some((algorithm, place)) = &self.checksum else { return Ok(()) };
        let bad_form = || BodyFault::ChecksumForm { algorithm: algorithm.name() };
        let stated = match place {
            Place::Header(text) => text.as_str(),
            Place::Trailer => trailers.and_then(|trailers| text(trailers, header_of(*algorithm))).ok_or_else(bad_form)?,
        };
        let stated = value(stated, algorithm.value_bytes()).ok_or_else(bad_form)?;
        if BASE64.encode(stated) == came.checksum.value { Ok(()) } else { Err(BodyFault::Checksum { algorithm: algorithm.name() }) }
    }
}

/// The algorithm and type that a client announces for a multipart upload.
///
/// # Errors
/// `InvalidRequest` for a pair that S3 does not have.
pub(super) fn announced(headers: &HeaderMap) -> Result<Option<(ChecksumAlgorithm, ChecksumType)>, Fault> {
    let kind = match text(headers, "x-amz-checksum-type") {
        Some(name) => Some(type_named(name).ok_or_else(|| invalid("Value for x-amz-checksum-type header is invalid."))?),
        None => None,
    };
    let Some(name) = text(headers, "x-amz-checksum-algorithm") else {
        let alone = "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.";
        return if kind.is_some() { Err(invalid(alone)) } else { Ok(None) };
    };
    let algorithm = algorithm_named(name).ok_or_else(|| {
        invalid("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
    })?;
    let kind = kind.unwrap_or(match algorithm {
        ChecksumAlgorithm::Crc64Nvme => ChecksumType::FullObject,
        _ => ChecksumType::Composite,
    });
    let impossible = matches!(
        (algorithm, kind),
        (ChecksumAlgorithm::Crc64Nvme, ChecksumType::Composite)
            | (ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256, ChecksumType::FullObject)
    );
    if impossible {
        let (kind, algorithm) = (type_name(kind), algorithm.name());
        return Err(Fault::new(
            S3ErrorCode::InvalidRequest,
            format!("The {kind} checksum type cannot be used with the {algorithm} checksum algorithm."),
        ));
    }
    Ok(Some((algorithm, kind)))
}

/// The algorithm that a copy shall be kept with.
///
/// # Errors
/// `InvalidRequest` for one that is not known.
pub(super) fn wanted_of_copy(headers: &HeaderMap) -> Result<Option<ChecksumAlgorithm>, Fault> {
    let Some(name) = text(headers, "x-amz-checksum-algorithm") else { return Ok(None) };
    algorithm_named(name).map(Some).ok_or_else(|| invalid("Checksum algorithm provided is unsupported."))
}

/// The checksum that a client states of a whole upload.
///
/// # Errors
/// `InvalidRequest` for more than one, or a type other than the upload's.
pub(super) fn of_whole(headers: &HeaderMap, upload: Option<(ChecksumAlgorithm, ChecksumType)>) -> Result<Option<Checksums>, Fault> {
    let (_, kept) = upload.unwrap_or((ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject));
    if text(headers, "x-amz-checksum-type").is_some_and(|name| type_named(name) != Some(kept)) {
        return Err(invalid("The upload was created using another checksum type than the one provided."));
    }
    let mut stated = ChecksumAlgorithm::ALL.into_iter().filter_map(|algorithm| {
        let value = text(headers, header_of(algorithm))?;
        // The number of parts follows a composite value.
        let value = value.split_once('-').map_or(value, |(value, _)| value).to_owned();
        Some(Checksums { algorithm, kind: kept, value })
    });
    let first = stated.next();
    if stated.next().is_some() {
        return Err(invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."));
    }
    Ok(first)
}

/// How S3 shows a kept checksum: a composite one is followed by the number of parts.
pub(super) fn shown(checksum: &Checksums, parts: u32) -> String {
    match checksum.kind {
        ChecksumType::Composite => format!("{}-{parts}", checksum.value),
        ChecksumType::FullObject => checksum.value.clone(),
    }
}

/// S3's name of a checksum type.
pub(super) const fn type_name(kind: ChecksumType) -> &'static str {
    match kind {
        ChecksumType::Composite => "COMPOSITE",
        ChecksumType::FullObject => "FULL_OBJECT",
    }
}

/// The header that carries a checksum of the algorithm.
pub(super) const fn header_of(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "x-amz-checksum-crc32",
        ChecksumAlgorithm::Crc32c => "x-amz-checksum-crc32c",
        ChecksumAlgorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
        ChecksumAlgorithm::Sha1 => "x-amz-checksum-sha1",
        ChecksumAlgorithm::Sha256 => "x-amz-checksum-sha256",
    }
}

fn stated_md5(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let md5 = text(headers, "content-md5").map(str::to_owned);
    if md5.as_deref().is_some_and(|stated| value(stated, 16).is_none()) {
        return Err(Fault::new(S3ErrorCode::InvalidDigest, "The Content-MD5 you specified was invalid."));
    }
    Ok(md5)
}

fn type_named(name: &str) -> Option<ChecksumType> {
    [ChecksumType::Composite, ChecksumType::FullObject].into_iter().find(|kind| type_name(*kind) == name)
}

fn algorithm_named(name: &str) -> Option<ChecksumAlgorithm> {
    ChecksumAlgorithm::parse(&name.to_ascii_uppercase())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn value(text: &str, bytes: usize) -> Option<Vec<u8>> {
    BASE64.decode(text).ok().filter(|value| value.len() == bytes)
}

fn invalid(message: &'static str) -> Fault {
    Fault::new(S3ErrorCode::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        pairs.iter().map(pair).collect()
    }

    fn came(expected: &Expected, body: &[u8]) -> Finished {
        let mut digests = expected.digests(ChecksumAlgorithm::Crc64Nvme);
        digests.update(body);
        digests.finish()
    }

    const CRC32: &str = "y/Q5Jg==";

    #[test]
    fn a_stated_checksum_is_compared_wherever_it_stands() {
        let in_header = Expected::of(&headers(&[("x-amz-checksum-crc32", CRC32), ("x-amz-sdk-checksum-algorithm", "CRC32")])).unwrap();
        assert!(in_header.verify(&came(&in_header, b"123456789"), None).is_ok());
        assert!(matches!(in_header.verify(&came(&in_header, b"12345678"), None), Err(BodyFault::Checksum { algorithm: "CRC32" })));

        let in_trailer = Expected::of(&headers(&[("x-amz-trailer", "x-amz-checksum-crc32")])).unwrap();
        let body = came(&in_trailer, b"123456789");
        assert!(in_trailer.in_trailer());
        assert!(in_trailer.verify(&body, Some(&headers(&[("x-amz-checksum-crc32", CRC32)]))).is_ok());
        for missing in [None, Some(headers(&[])), Some(headers(&[("x-amz-checksum-crc32", "no")]))] {
            assert!(matches!(in_trailer.verify(&body, missing.as_ref()), Err(BodyFault::ChecksumForm { .. })));
        }
    }

    #[test]
    fn md5_runs_only_against_a_stated_one() {
        let expected = Expected::of(&headers(&[("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==")])).unwrap();
        assert!(expected.verify(&came(&expected, b"123456789"), None).is_ok());
        assert!(matches!(expected.verify(&came(&expected, b"x"), None), Err(BodyFault::Checksum { algorithm: "MD5" })));
        let nothing = Expected::of(&headers(&[])).unwrap();
        assert_eq!(came(&nothing, b"x").md5, None);
        assert!(nothing.is_empty() && nothing.verify(&came(&nothing, b"x"), None).is_ok());
    }

    #[test]
    fn contradictions_and_malformed_values_are_refused_before_the_body() {
        let code = |pairs: &[(&str, &str)]| Expected::of(&headers(pairs)).map_or_else(|fault| fault.code().to_owned(), |_| "ok".to_owned());
        assert_eq!(code(&[("content-md5", "abc")]), "InvalidDigest");
        assert_eq!(code(&[("x-amz-checksum-crc32", "AAAA")]), "InvalidRequest");
        assert_eq!(code(&[("x-amz-checksum-crc32", CRC32), ("x-amz-trailer", "x-amz-checksum-crc32")]), "InvalidRequest");
        assert_eq!(code(&[("x-amz-trailer", "x-amz-meta-a")]), "InvalidRequest");
        assert_eq!(code(&[("x-amz-sdk-checksum-algorithm", "CRC32")]), "InvalidRequest");
        assert_eq!(code(&[("x-amz-sdk-checksum-algorithm", "SHA1"), ("x-amz-checksum-crc32", CRC32)]), "InvalidRequest");
        assert_eq!(code(&[("x-amz-sdk-checksum-algorithm", "MD5"), ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==")]), "ok");
    }

    #[test]
    fn an_upload_has_only_pairs_that_s3_has() {
        let of = |pairs: &[(&str, &str)]| announced(&headers(pairs)).map_err(|fault| fault.code().to_owned());
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[("x-amz-checksum-algorithm", "crc32")]), Ok(Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite))));
        assert_eq!(of(&[("x-amz-checksum-algorithm", "CRC64NVME")]), Ok(Some((ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject))));
        let full = ("x-amz-checksum-type", "FULL_OBJECT");
        assert_eq!(of(&[("x-amz-checksum-algorithm", "CRC32C"), full]), Ok(Some((ChecksumAlgorithm::Crc32c, ChecksumType::FullObject))));
        assert!(of(&[("x-amz-checksum-algorithm", "SHA256"), full]).is_err());
        assert!(of(&[("x-amz-checksum-algorithm", "CRC64NVME"), ("x-amz-checksum-type", "COMPOSITE")]).is_err());
        assert!(of(&[full]).is_err() && of(&[("x-amz-checksum-algorithm", "BLAKE3")]).is_err());
    }

    #[test]
    fn the_checksum_of_a_whole_has_the_upload_s_type() {
        let upload = Some((ChecksumAlgorithm::Sha256, ChecksumType::Composite));
        let whole =
            of_whole(&headers(&[("x-amz-checksum-sha256", "abc=-3"), ("x-amz-checksum-type", "COMPOSITE")]), upload).unwrap().unwrap();
        assert_eq!((whole.value.as_str(), shown(&whole, 3).as_str()), ("abc=", "abc=-3"));
        assert!(of_whole(&headers(&[("x-amz-checksum-type", "FULL_OBJECT")]), upload).is_err());
        assert!(of_whole(&headers(&[("x-amz-checksum-sha1", "a"), ("x-amz-checksum-crc32", "b")]), upload).is_err());
    }
}
