//! Whose record a body says it is, where its format is recognised: DICOM and FHIR (AC-03, AT-10).
//!
//! Looks at the beginning of a body only, and never fails: what is not recognised says nothing. Way in: [`PatientLook`].

mod dicom;
mod fhir;

use crate::domain::PatientId;
use zeroize::Zeroizing;

/// Bytes of a DICOM file within which its patient stands: the pixels come after.
const DICOM_BYTES_MAX: usize = 256 * 1_024;
/// Bytes of a FHIR document that is read whole.
const FHIR_BYTES_MAX: usize = 1 << 20;

/// Whether a body is about the patient that was stated for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// It is, or it does not say.
    Fits,
    /// It says that it is about somebody else.
    Other,
}

/// Looks at a body as it comes in.
pub struct PatientLook {
    stated: PatientId,
    format: Format,
    seen: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// It may be DICOM, whatever its media type says: files have a mark.
    MaybeDicom,
    Fhir,
    /// More came than is looked at.
    Over,
}

impl std::fmt::Debug for PatientLook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PatientLook")
    }
}

impl PatientLook {
    /// A look at a body of this media type, stated to be about `stated`.
    #[must_use]
    pub fn new(stated: PatientId, media_type: Option<&str>) -> Self {
        let is_fhir = media_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("fhir+json"));
        let format = if is_fhir { Format::Fhir } else { Format::MaybeDicom };
        Self { stated, format, seen: Zeroizing::default() }
    }

    /// Takes in the next bytes. Keeps no more of them than it needs.
    pub fn take(&mut self, bytes: &[u8]) {
        match self.format {
            Format::Over => {}
            Format::MaybeDicom => {
                let room = DICOM_BYTES_MAX - self.seen.len().min(DICOM_BYTES_MAX);
                self.keep(bytes.get(..bytes.len().min(room)).unwrap_or_default());
                if self.seen.len() >= dicom::MARK_END && !dicom::is_marked(&self.seen) {
                    self.give_up();
                }
            }
            Format::Fhir if self.seen.len() + bytes.len() > FHIR_BYTES_MAX => self.give_up(),
            Format::Fhir => self.keep(bytes),
        }
    }

    /// What the body said.
    #[must_use]
    pub fn found(&self) -> Match {
        let stated = self.stated.as_str();
        let fits = match self.format {
            Format::Over => true,
            Format::MaybeDicom => dicom::patient(&self.seen).is_none_or(|patient| patient == stated),
            Format::Fhir => fhir::patients(&self.seen).iter().all(|names| names.iter().any(|name| name == stated)),
        };
        if fits { Match::Fits } else { Match::Other }
    }

    /// Grows without leaving the old bytes behind unwiped.
    fn keep(&mut self, bytes: &[u8]) {
        if self.seen.capacity() < self.seen.len() + bytes.len() {
            let mut larger = Zeroizing::new(Vec::with_capacity((self.seen.len() + bytes.len()).next_power_of_two()));
            larger.extend_from_slice(&self.seen);
            self.seen = larger;
        }
        self.seen.extend_from_slice(bytes);
    }

    fn give_up(&mut self) {
        self.format = Format::Over;
        self.seen = Zeroizing::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(stated: &str, media_type: Option<&str>, body: &[u8]) -> Match {
        let mut look = PatientLook::new(PatientId::parse(stated).unwrap(), media_type);
        body.chunks(7).for_each(|piece| look.take(piece));
        look.found()
    }

    #[test]
    fn a_fhir_document_of_another_patient_is_noticed() {
        let bundle = br#"{"resourceType":"Bundle","entry":[
            {"resource":{"resourceType":"Patient","id":"p1","identifier":[{"value":"0001"}]}},
            {"resource":{"resourceType":"Observation","subject":{"reference":"Patient/p1"}}}]}"#;
        let kind = Some("application/fhir+json; charset=utf-8");
        assert_eq!(look("0001", kind, bundle), Match::Fits);
        assert_eq!(look("p1", kind, bundle), Match::Fits);
        assert_eq!(look("0002", kind, bundle), Match::Other);
        assert_eq!(look("0002", Some("application/json"), bundle), Match::Fits);
        for said_nothing in [&b"{"[..], b"[]", b"{\"resourceType\":\"Location\"}", b"\xff"] {
            assert_eq!(look("0002", kind, said_nothing), Match::Fits);
        }
        let other = br#"{"resourceType":"Observation","subject":{"reference":"https://ehr.example/fhir/Patient/0009/_history/2"}}"#;
        assert_eq!(look("0009", kind, other), Match::Fits);
        assert_eq!(look("0001", kind, other), Match::Other);
    }

    #[test]
    fn whatever_comes_nothing_panics_and_little_is_kept() {
        let mut look = PatientLook::new(PatientId::parse("1").unwrap(), None);
        for _ in 0..100 {
            look.take(&[0; 10_000]);
        }
        assert!(look.seen.is_empty());
        let mut look = PatientLook::new(PatientId::parse("1").unwrap(), Some("application/fhir+json"));
        for _ in 0..200 {
            look.take(&[b'x'; 10_000]);
        }
        assert!(look.seen.is_empty() && look.found() == Match::Fits);
    }
}
