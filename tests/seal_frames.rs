//! Frames through the public interface: what is sealed opens, in any pieces and ranges, and nothing else does.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use bytes::Bytes;
use hozon::domain::{AttemptId, Attributes, BucketId, ByteRange, RecordFacts, TenantId, VersionId};
use hozon::seal::layout::{CHUNK_BYTES, FrameLengths, START_BYTES};
use hozon::seal::{
    Aead, FreshDataKey, Manifest, ManifestFacts, ManifestPart, OpenError, OpenedDataKey, Opener, PlaceOfVersion, PlainPool, Plaintext,
    SealError, SealedChunks, SealedEnd, SealedSegment, Sealer,
};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use zeroize::Zeroizing;

const KEY: [u8; 32] = [0x42; 32];

fn place() -> PlaceOfVersion {
    PlaceOfVersion { tenant: TenantId::from_bytes([1; 16]), bucket: BucketId::from_bytes([2; 16]), version: VersionId::from_bytes([3; 16]) }
}

fn fresh() -> FreshDataKey {
    FreshDataKey::readopt(place(), Zeroizing::new(KEY))
}

fn opened_key() -> OpenedDataKey {
    OpenedDataKey::adopt(place(), Zeroizing::new(KEY))
}

fn attributes() -> Attributes {
    Attributes {
        key: "山田/胸部.dcm".into(),
        metadata: vec![("note".into(), "左".into())],
        facts: RecordFacts { author: Some("佐藤".into()), ..RecordFacts::default() },
        ..Attributes::default()
    }
}

fn body(length: usize) -> Vec<u8> {
    (0..=250u8).cycle().take(length).collect()
}

fn plaintext(bytes: &[u8]) -> Plaintext {
    Plaintext::from_client(Bytes::copy_from_slice(bytes))
}

fn joined(segments: Vec<SealedSegment>, end: &SealedEnd) -> Vec<u8> {
    let mut frame = Vec::new();
    for segment in segments {
        assert_eq!((segment.offset(), segment.attempt()), (frame.len() as u64, end.attempt()));
        frame.extend_from_slice(&segment.into_bytes());
    }
    assert_eq!(frame.len() as u64, end.frame_length());
    frame
}

fn lengths(end: &SealedEnd) -> FrameLengths {
    FrameLengths { stream: end.stream_length(), manifest: end.manifest_length() }
}

fn sealed(plain: &[u8], pieces: &[usize], aead: Aead) -> (Vec<u8>, SealedEnd) {
    let mut sealer = Sealer::new(fresh().part(), aead).unwrap();
    let mut segments = Vec::new();
    let mut rest = plain;
    for piece in pieces.iter().copied().chain(std::iter::repeat(usize::MAX)) {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        sealer.push(&plaintext(now)).unwrap();
        segments.extend(sealer.take());
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    let facts = ManifestFacts { attributes: &attributes(), parts: Vec::new(), plain_length: plain.len() as u64 };
    let (last, end) = sealer.finish(Some(&facts)).unwrap();
    segments.extend(last);
    (joined(segments, &end), end)
}

fn opener(frame: &[u8], end: &SealedEnd, aead: Aead) -> Result<Opener, OpenError> {
    let start = SealedChunks::from_store(&frame[..START_BYTES.min(frame.len())]);
    Opener::new(&opened_key(), end.attempt(), &start, end.stream_length(), aead)
}

fn read(frame: &[u8], end: &SealedEnd, range: ByteRange, aead: Aead) -> Result<Vec<u8>, OpenError> {
    let opener = opener(frame, end, aead)?;
    let pool = PlainPool::new(1, 2 * CHUNK_BYTES);
    let mut read = Vec::new();
    for run in lengths(end).cut(range).unwrap().runs(2) {
        let sealed = &frame[usize::try_from(run.sealed.start).unwrap()..usize::try_from(run.sealed.end).unwrap()];
        let short = SealedChunks::from_store(&sealed[..sealed.len() - 1]);
        assert!(matches!(opener.open_cut(&run, &short, &pool), Err(OpenError::Length { .. })));
        read.extend_from_slice(&opener.open_cut(&run, &SealedChunks::from_store(sealed), &pool)?.release());
    }
    Ok(read)
}

fn manifest(frame: &[u8], end: &SealedEnd) -> Result<Manifest, OpenError> {
    let tail = usize::try_from(lengths(end).tail().start).unwrap();
    let tail = SealedChunks::from_store(frame.get(tail..).unwrap_or_default());
    Manifest::open(&opened_key(), end.attempt(), &tail, lengths(end), Aead::AesGcm)
}

#[test]
fn a_body_of_any_length_opens_whole_with_either_library() {
    for length in [0, 1, 15, 16, 16_383, 16_384, 16_385, 32_768, 262_144, 262_145, 600_000] {
        for (sealing, opening) in [(Aead::AesGcm, Aead::AwsLc), (Aead::AwsLc, Aead::AesGcm)] {
            let plain = body(length);
            let (frame, end) = sealed(&plain, &[], sealing);
            assert_eq!(end.plain_length(), length as u64);
            assert_eq!(read(&frame, &end, ByteRange::whole(length as u64), opening).unwrap(), plain, "{length}");
            let manifest = manifest(&frame, &end).unwrap();
            assert_eq!(manifest.attributes(), &attributes());
            assert_eq!((manifest.plain_length(), manifest.bucket()), (length as u64, place().bucket));
            assert!(manifest.parts().is_empty());
            let claimed = FrameLengths::claimed(&SealedChunks::from_store(&frame)).unwrap();
            assert_eq!(claimed, lengths(&end));
        }
    }
}

#[test]
fn a_small_body_leaves_in_one_segment() {
    let mut sealer = Sealer::new(fresh().part(), Aead::AesGcm).unwrap();
    sealer.push(&plaintext(&body(4_096))).unwrap();
    let facts = ManifestFacts { attributes: &attributes(), parts: Vec::new(), plain_length: 4_096 };
    let (segments, end) = sealer.finish(Some(&facts)).unwrap();
    assert_eq!(segments.len(), 1);
    assert_eq!(segments[0].len() as u64, end.frame_length());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_pieces_and_any_range_give_the_same_bytes(
        length in 0usize..120_000,
        pieces in proptest::collection::vec(1usize..40_000, 0..8),
        edges in any::<(u32, u32)>(),
        wide in any::<bool>(),
    ) {
        let plain = body(length);
        let aead = if wide { Aead::AwsLc } else { Aead::AesGcm };
        let (frame, end) = sealed(&plain, &pieces, aead);
        let edge = |random: u32| random as usize % (length + 1);
        let (start, stop) = (edge(edges.0).min(edge(edges.1)), edge(edges.0).max(edge(edges.1)));
        let opened = read(&frame, &end, ByteRange { start: start as u64, end: stop as u64 }, aead).unwrap();
        prop_assert_eq!(&opened[..], &plain[start..stop]);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed_before_its_bytes_are_given(at in any::<proptest::sample::Index>(), bit in 0u8..8) {
        let plain = body(40_000);
        let (mut frame, end) = sealed(&plain, &[], Aead::AwsLc);
        let at = at.index(frame.len());
        frame[at] ^= 1 << bit;
        let whole = read(&frame, &end, ByteRange::whole(40_000), Aead::AesGcm);
        let described = manifest(&frame, &end);
        let in_body = (at as u64) < lengths(&end).tail().start;
        prop_assert_eq!((whole.is_err(), described.is_err()), (in_body, !in_body), "byte {}", at);
    }
}

#[test]
fn a_frame_opens_only_in_its_own_place() {
    let (frame, end) = sealed(&body(100), &[], Aead::AesGcm);
    let start = || SealedChunks::from_store(&frame[..START_BYTES]);
    let mut elsewhere = Vec::new();
    let own = place();
    elsewhere.push((PlaceOfVersion { tenant: TenantId::random(), ..own }, end.attempt()));
    elsewhere.push((PlaceOfVersion { bucket: BucketId::random(), ..own }, end.attempt()));
    elsewhere.push((PlaceOfVersion { version: VersionId::random(), ..own }, end.attempt()));
    elsewhere.push((own, AttemptId::random()));
    for (other, attempt) in elsewhere {
        let key = OpenedDataKey::adopt(other, Zeroizing::new(KEY));
        let refused = Opener::new(&key, attempt, &start(), end.stream_length(), Aead::AesGcm).err();
        assert!(matches!(refused, Some(OpenError::Place)));
        // Also where the header is rewritten to claim the other place.
        let mut moved = frame.clone();
        let ids = [other.tenant.as_bytes(), other.bucket.as_bytes(), other.version.as_bytes(), attempt.as_bytes()];
        moved[16..80].copy_from_slice(&ids.map(|id| *id).concat());
        let start = SealedChunks::from_store(&moved[..START_BYTES]);
        let refused = Opener::new(&key, attempt, &start, end.stream_length(), Aead::AesGcm).err();
        assert!(matches!(refused, Some(OpenError::Commitment)));
        let tail = SealedChunks::from_store(&moved[usize::try_from(lengths(&end).tail().start).unwrap()..]);
        assert!(matches!(Manifest::open(&key, attempt, &tail, lengths(&end), Aead::AesGcm), Err(OpenError::Commitment)));
    }
    let other_key = OpenedDataKey::adopt(place(), Zeroizing::new([0; 32]));
    let refused = Opener::new(&other_key, end.attempt(), &start(), end.stream_length(), Aead::AesGcm).err();
    assert!(matches!(refused, Some(OpenError::Commitment)));
}

#[test]
fn two_attempts_at_one_part_share_no_ciphertext() {
    let key = fresh();
    let seal = || {
        let mut sealer = Sealer::new(key.part(), Aead::AesGcm).unwrap();
        sealer.push(&plaintext(&body(64))).unwrap();
        let (segments, end) = sealer.finish(None).unwrap();
        (joined(segments, &end), end)
    };
    let ((one, one_end), (other, other_end)) = (seal(), seal());
    assert_ne!(one_end.attempt(), other_end.attempt());
    assert_ne!(one[START_BYTES..START_BYTES + 80], other[START_BYTES..START_BYTES + 80]);
    assert!(matches!(opener(&one, &other_end, Aead::AesGcm).err(), Some(OpenError::Place)));
}

#[test]
fn a_run_that_is_none_of_the_body_is_refused_and_adds_nothing() {
    let (frame, end) = sealed(&body(3 * CHUNK_BYTES + 5), &[], Aead::AesGcm);
    let opener = opener(&frame, &end, Aead::AwsLc).unwrap();
    let chunk = 16_400;
    let at = |from: usize, to: usize| SealedChunks::from_store(&frame[START_BYTES + from..START_BYTES + to]);
    let mut buffer = PlainPool::new(0, 0).take();
    opener.open(1, &at(chunk, 2 * chunk), &mut buffer).unwrap();
    for (first, from, to) in [
        (0, 0, 0),
        (0, 0, chunk - 1),
        (0, 0, chunk + 16),
        (2, 2 * chunk, 3 * chunk + 20),
        (2, 2 * chunk, 3 * chunk + 22),
        (3, 3 * chunk, 3 * chunk + 15),
        (4, 3 * chunk, 3 * chunk + 21),
        (u64::MAX, 0, chunk),
    ] {
        assert!(matches!(opener.open(first, &at(from, to), &mut buffer), Err(OpenError::Length { .. })), "{first} {from}..{to}");
    }
    // A whole chunk in another's place, and a good chunk before a bad one.
    assert!(matches!(opener.open(0, &at(chunk, 2 * chunk), &mut buffer), Err(OpenError::Chunk { index: 0 })));
    let mut bad = frame[START_BYTES..START_BYTES + 2 * chunk].to_vec();
    bad[chunk + 7] ^= 1;
    assert!(matches!(opener.open(0, &SealedChunks::from_store(&bad), &mut buffer), Err(OpenError::Chunk { index: 1 })));
    let held = buffer.into_plaintext().release();
    assert_eq!(&held[..], &body(2 * CHUNK_BYTES)[CHUNK_BYTES..]);
}

#[test]
fn the_parts_of_a_version_are_named_by_a_frame_of_their_own() {
    let part = |number, length: u64| ManifestPart {
        number,
        attempt: AttemptId::random(),
        plain_length: length,
        stream_length: hozon::seal::layout::stream_length(length),
    };
    let parts: Vec<_> = (1..=10_000).map(|number| part(number, 5 << 20)).collect();
    let total = 10_000 * (5 << 20);
    let attributes = attributes();
    let facts = |parts: &[ManifestPart], plain_length| ManifestFacts { attributes: &attributes, parts: parts.to_vec(), plain_length };
    let (segments, end) = Sealer::manifest_only(fresh().part(), Aead::AwsLc, &facts(&parts, total)).unwrap();
    assert_eq!((end.plain_length(), end.stream_length()), (0, 0));
    let frame = joined(segments, &end);
    let opened = manifest(&frame, &end).unwrap();
    assert_eq!((opened.parts(), opened.plain_length()), (&parts[..], total));

    let refused = |facts: ManifestFacts<'_>| Sealer::manifest_only(fresh().part(), Aead::AwsLc, &facts).err();
    assert!(matches!(refused(facts(&parts, total - 1)), Some(SealError::Lengths { .. })));
    assert!(matches!(refused(facts(&[], 0)), Some(SealError::Parts)));
    let sealer = Sealer::new(fresh().part(), Aead::AesGcm).unwrap();
    assert!(matches!(sealer.finish(Some(&facts(&parts, total))).err(), Some(SealError::Parts)));
    let sealer = Sealer::new(fresh().part(), Aead::AesGcm).unwrap();
    assert!(matches!(sealer.finish(Some(&facts(&[], 1))).err(), Some(SealError::Lengths { stated: 1, sealed: 0 })));
}

#[test]
fn the_length_of_a_manifest_does_not_follow_that_of_a_name() {
    let length = |key: &str| {
        let attributes = Attributes { key: key.into(), ..Attributes::default() };
        let facts = ManifestFacts { attributes: &attributes, parts: Vec::new(), plain_length: 0 };
        Sealer::new(fresh().part(), Aead::AesGcm).unwrap().finish(Some(&facts)).unwrap().1.manifest_length()
    };
    assert_eq!(length("a"), length("a-little-longer"));
}

#[test]
fn a_frame_with_other_lengths_than_the_index_says_is_refused() {
    let (frame, end) = sealed(&body(100), &[], Aead::AesGcm);
    for stream in [end.stream_length() - 1, end.stream_length() + 1, end.stream_length() + 16_400] {
        let start = SealedChunks::from_store(&frame[..START_BYTES]);
        let opener = Opener::new(&opened_key(), end.attempt(), &start, stream, Aead::AesGcm).unwrap();
        let chunks = SealedChunks::from_store(&frame[START_BYTES..START_BYTES + 116]);
        assert!(opener.open(0, &chunks, &mut PlainPool::new(0, 0).take()).is_err());
        let tail = SealedChunks::from_store(&frame[usize::try_from(lengths(&end).tail().start).unwrap()..]);
        let other = FrameLengths { stream, ..lengths(&end) };
        assert!(matches!(Manifest::open(&opened_key(), end.attempt(), &tail, other, Aead::AesGcm), Err(OpenError::Footer)));
    }
}

#[test]
fn an_opener_is_shared_by_threads() {
    const fn shared<T: Send + Sync + 'static>() {}
    const { shared::<Opener>() };
    const { shared::<PlainPool>() };
    const fn sent<T: Send + 'static>() {}
    const { sent::<Sealer>() };
    const { sent::<Plaintext>() };
}
