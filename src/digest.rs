//! Checksums of plaintexts, as S3 clients know them: running, kept, and combined from parts.
//!
//! Costs only what a client asked for: CRC64NVME always, anything else when it is wanted, MD5 only against a
//! stated `Content-MD5`. Ways in: [`Digests`] for a body, [`of_parts`] for a multipart version.

use crate::domain::{ChecksumAlgorithm, ChecksumType, Checksums};
use aws_lc_rs::digest as aws;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::{Digest as _, Md5};

/// What a body's digests came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The checksum to keep.
    pub checksum: Checksums,
    /// CRC64NVME, big-endian.
    pub crc64nvme: [u8; 8],
    /// MD5, where it was wanted.
    pub md5: Option<[u8; 16]>,
}

enum Wanted {
    Crc(ChecksumAlgorithm, Box<Crc>),
    Sha(ChecksumAlgorithm, aws::Context),
    Crc64Nvme,
}

/// Running digests of one body.
pub struct Digests {
    crc64nvme: Box<Crc>,
    kept: Wanted,
    md5: Option<Md5>,
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digests({})", self.kept().name())
    }
}

impl Digests {
    /// Digests for a body that is kept with a checksum of `algorithm`.
    #[must_use]
    pub fn keeping(algorithm: ChecksumAlgorithm) -> Self {
        let kept = match algorithm {
            ChecksumAlgorithm::Crc64Nvme => Wanted::Crc64Nvme,
            ChecksumAlgorithm::Crc32 => Wanted::Crc(algorithm, Box::new(Crc::new(CrcAlgorithm::Crc32IsoHdlc))),
            ChecksumAlgorithm::Crc32c => Wanted::Crc(algorithm, Box::new(Crc::new(CrcAlgorithm::Crc32Iscsi))),
            ChecksumAlgorithm::Sha1 => Wanted::Sha(algorithm, aws::Context::new(&aws::SHA1_FOR_LEGACY_USE_ONLY)),
            ChecksumAlgorithm::Sha256 => Wanted::Sha(algorithm, aws::Context::new(&aws::SHA256)),
        };
        Self { crc64nvme: Box::new(Crc::new(CrcAlgorithm::Crc64Nvme)), kept, md5: None }
    }

    /// The same, and MD5 besides.
    #[must_use]
    pub fn and_md5(mut self) -> Self {
        self.md5 = Some(Md5::new());
        self
    }

    /// Which checksum is kept.
    #[must_use]
    pub const fn kept(&self) -> ChecksumAlgorithm {
        match &self.kept {
            Wanted::Crc(algorithm, _) | Wanted::Sha(algorithm, _) => *algorithm,
            Wanted::Crc64Nvme => ChecksumAlgorithm::Crc64Nvme,
        }
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.crc64nvme.update(bytes);
        match &mut self.kept {
            Wanted::Crc(_, crc) => crc.update(bytes),
            Wanted::Sha(_, sha) => sha.update(bytes),
            Wanted::Crc64Nvme => {}
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    /// What the bytes so far come to.
    #[must_use]
    pub fn finish(&self) -> Finished {
        let crc64nvme = self.crc64nvme.finalize().to_be_bytes();
        let value = match &self.kept {
            Wanted::Crc(_, crc) => crc32_bytes(crc.finalize()).to_vec(),
            Wanted::Sha(_, sha) => sha.clone().finish().as_ref().to_vec(),
            Wanted::Crc64Nvme => crc64nvme.to_vec(),
        };
        let checksum = Checksums { algorithm: self.kept(), kind: ChecksumType::FullObject, value: BASE64.encode(value) };
        Finished { checksum, crc64nvme, md5: self.md5.clone().map(|md5| md5.finalize().into()) }
    }
}

/// The parts do not all have a checksum from which the wanted one can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a part has no checksum of the algorithm announced for the upload")]
pub struct NotCombinable;

/// What is known of one part.
#[derive(Debug, Clone, Copy)]
pub struct PartDigest<'a> {
    /// Its bytes.
    pub length: u64,
    /// CRC64NVME of them, big-endian.
    pub crc64nvme: [u8; 8],
    /// Its checksum in the upload's algorithm.
    pub checksum: Option<&'a Checksums>,
}

/// The checksum of a multipart version: of the announced algorithm and type, else CRC64NVME of the whole.
///
/// # Errors
/// [`NotCombinable`] when a part lacks what is needed.
pub fn of_parts<'a>(
    announced: Option<(ChecksumAlgorithm, ChecksumType)>,
    parts: impl Iterator<Item = PartDigest<'a>>,
) -> Result<Checksums, NotCombinable> {
    let (algorithm, kind) = announced.unwrap_or((ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject));
    let value = match (kind, algorithm) {
        (ChecksumType::Composite, _) => composite(algorithm, parts)?,
        (ChecksumType::FullObject, ChecksumAlgorithm::Crc64Nvme) => {
            let crcs = parts.map(|part| Ok((u64::from_be_bytes(part.crc64nvme), part.length)));
            combine(CrcAlgorithm::Crc64Nvme, crcs)?.to_be_bytes().to_vec()
        }
        (ChecksumType::FullObject, ChecksumAlgorithm::Crc32) => combine_crc32(CrcAlgorithm::Crc32IsoHdlc, algorithm, parts)?,
        (ChecksumType::FullObject, ChecksumAlgorithm::Crc32c) => combine_crc32(CrcAlgorithm::Crc32Iscsi, algorithm, parts)?,
        (ChecksumType::FullObject, ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256) => return Err(NotCombinable),
    };
    Ok(Checksums { algorithm, kind, value: BASE64.encode(value) })
}

fn composite<'a>(algorithm: ChecksumAlgorithm, parts: impl Iterator<Item = PartDigest<'a>>) -> Result<Vec<u8>, NotCombinable> {
    let mut digests = Digests::keeping(algorithm);
    for part in parts {
        digests.update(&value_of(&part, algorithm)?);
    }
    BASE64.decode(digests.finish().checksum.value).map_err(|_| NotCombinable)
}

fn value_of(part: &PartDigest<'_>, algorithm: ChecksumAlgorithm) -> Result<Vec<u8>, NotCombinable> {
    match part.checksum {
        Some(checksum) if checksum.algorithm == algorithm => BASE64.decode(&checksum.value).map_err(|_| NotCombinable),
        _ if algorithm == ChecksumAlgorithm::Crc64Nvme => Ok(part.crc64nvme.to_vec()),
        _ => Err(NotCombinable),
    }
}

fn combine_crc32<'a>(
    crc: CrcAlgorithm,
    algorithm: ChecksumAlgorithm,
    parts: impl Iterator<Item = PartDigest<'a>>,
) -> Result<Vec<u8>, NotCombinable> {
    let crcs = parts.map(|part| {
        let bytes: [u8; 4] = value_of(&part, algorithm)?.try_into().map_err(|_| NotCombinable)?;
        Ok((u64::from(u32::from_be_bytes(bytes)), part.length))
    });
    Ok(crc32_bytes(combine(crc, crcs)?).to_vec())
}

fn combine(crc: CrcAlgorithm, mut parts: impl Iterator<Item = Result<(u64, u64), NotCombinable>>) -> Result<u64, NotCombinable> {
    let Some(first) = parts.next() else { return Ok(Crc::new(crc).finalize()) };
    parts.try_fold(first?.0, |whole, part| part.map(|(value, length)| crc_fast::checksum_combine(crc, whole, value, length)))
}

fn crc32_bytes(value: u64) -> [u8; 4] {
    let [_, _, _, _, a, b, c, d] = value.to_be_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Finished {
        let mut digests = Digests::keeping(algorithm).and_md5();
        digests.update(bytes);
        digests.finish()
    }

    #[test]
    fn known_values_come_out() {
        let value = |algorithm| of(algorithm, b"123456789").checksum.value;
        assert_eq!(value(ChecksumAlgorithm::Crc32), BASE64.encode(0xcbf4_3926_u32.to_be_bytes()));
        assert_eq!(value(ChecksumAlgorithm::Crc32c), BASE64.encode(0xe306_9283_u32.to_be_bytes()));
        assert_eq!(value(ChecksumAlgorithm::Crc64Nvme), BASE64.encode(0xae8b_1486_0a79_9888_u64.to_be_bytes()));
        assert_eq!(hex::encode(of(ChecksumAlgorithm::Crc32, b"").md5.unwrap()), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn crcs_of_parts_make_the_crc_of_the_whole() {
        for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64Nvme] {
            let (one, two) = (of(algorithm, b"12345"), of(algorithm, b"6789"));
            let digest = |finished: &'static str, from: &Finished| (finished.len() as u64, from.crc64nvme, from.checksum.clone());
            let known = [digest("12345", &one), digest("6789", &two)];
            let parts = known.iter().map(|(length, crc, sum)| PartDigest { length: *length, crc64nvme: *crc, checksum: Some(sum) });
            let whole = of_parts(Some((algorithm, ChecksumType::FullObject)), parts).unwrap();
            assert_eq!(whole, of(algorithm, b"123456789").checksum);
        }
    }

    #[test]
    fn a_composite_is_the_checksum_of_the_parts_checksums() {
        let one = of(ChecksumAlgorithm::Sha256, b"part one");
        let part = || PartDigest { length: 8, crc64nvme: one.crc64nvme, checksum: Some(&one.checksum) };
        let whole = of_parts(Some((ChecksumAlgorithm::Sha256, ChecksumType::Composite)), [part(), part()].into_iter()).unwrap();
        let twice = BASE64.decode(&one.checksum.value).unwrap().repeat(2);
        assert_eq!(whole.value, of(ChecksumAlgorithm::Sha256, &twice).checksum.value);
        assert_eq!(of_parts(Some((ChecksumAlgorithm::Sha1, ChecksumType::Composite)), std::iter::once(part())), Err(NotCombinable));
    }
}
