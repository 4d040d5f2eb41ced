//! What holds for any bytes whatever, one function for each kind of thing that is read from outside.
//!
//! `cargo +nightly fuzz run NAME` in this folder looks for bytes for which it does not; `tests/fuzz_bodies.rs` runs the same
//! functions from a seed on every `cargo test`.

use hozon::content::PatientLook;
use hozon::domain::{
    AccessGrid, AttemptId, BlobId, BucketId, BucketName, ByteRange, Directive, ETag, EntryId, Factors, JobTypes, ObjectKey, PatientId,
    PatientsNamed, Purpose, RecordClass, RecordClasses, Right, TenantId, UtcTime, VersionId,
};
use hozon::policy::{Basis, Rules};
use hozon::root::{Protection, Root};
use hozon::seal::layout::{FrameLengths, plain_length, stream_length};
use hozon::seal::{Aead, Context, KeyUse, Manifest, MasterKey, OpenedDataKey, Opener, PlaceOfVersion, PlainPool, SealedChunks};
use std::path::Path;
use std::sync::LazyLock;
use zeroize::Zeroizing;

/// A body, by the name of its target.
pub(crate) type Body = fn(&[u8]);

/// All of them.
pub(crate) const BODIES: &[(&str, Body)] = &[
    ("names", names),
    ("layout", layout),
    ("message", message),
    ("frame", frame),
    ("root_file", root_file),
    ("configuration", configuration),
    ("content", content),
    ("directive", directive),
    ("policy", policy),
];

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let (grid, classes, job_types) = (AccessGrid::default(), RecordClasses::default(), JobTypes::default());
    let basis = Basis { grid, classes, job_types, patients: PatientsNamed::Always, factors: Factors::Two };
    Rules::new(basis).expect("the shipped policies fit")
});

/// What is taken for a name is written back as it was read.
pub(crate) fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        if let Ok(blob) = BlobId::from_bytes(bytes) {
            assert_eq!(blob.to_bytes().as_slice(), bytes);
        }
        return;
    };
    if let Ok(name) = BucketName::parse(text) {
        assert_eq!(name.as_str(), text);
        assert!((3..=63).contains(&text.len()) && !text.contains('/'), "{text:?}");
    }
    if let Ok(key) = ObjectKey::parse(text) {
        assert_eq!(key.as_str(), text);
        assert!((1..=1_024).contains(&text.len()) && !text.contains('\0'));
    }
    if let Ok(patient) = PatientId::parse(text) {
        assert_eq!(patient.as_str(), text);
        assert_eq!(Ok(format!("{patient:?}")), PatientId::parse("another").map(|another| format!("{another:?}")));
    }
    if let Ok(class) = RecordClass::parse(text) {
        assert_eq!(class.to_string(), text);
    }
    if let Ok(blob) = BlobId::parse(text) {
        assert_eq!(BlobId::parse(&blob.to_string()).as_ref(), Ok(&blob));
        assert_eq!(BlobId::from_bytes(&blob.to_bytes()), Ok(blob));
    }
    if let Ok(tag) = ETag::parse(text) {
        assert_eq!(ETag::parse(&tag.to_string()), Ok(tag));
    }
    if let Ok(at) = UtcTime::parse(text) {
        assert_eq!(UtcTime::parse(&at.to_string()), Ok(at), "{text:?}");
    }
    if let Ok(version) = VersionId::parse(text) {
        assert_eq!(VersionId::parse(&version.to_string()), Ok(version));
    }
    assert!(Right::parse(text).is_ok_and(|right| right.name() == text) || Right::parse(text).is_err());
    let _known_or_not = Purpose::parse(text);
}

/// Whatever lengths and ranges are claimed, nothing outside of the frame is ever asked for.
pub(crate) fn layout(bytes: &[u8]) {
    let mut numbers = bytes.chunks_exact(8).map(|eight| u64::from_be_bytes(eight.try_into().unwrap_or_default()));
    let mut number = || numbers.next().unwrap_or(0);
    let (stream, manifest, start, end) = (number(), number(), number(), number());
    if let Some(plain) = plain_length(stream) {
        assert_eq!(stream_length(plain), stream);
    }
    let Ok(lengths) = FrameLengths::checked(stream, manifest) else { return };
    let frame = lengths.frame();
    for part in [lengths.start(), lengths.chunks(), lengths.tail()] {
        assert!(part.start <= part.end && part.end <= frame, "{lengths:?}");
    }
    let range = ByteRange { start: start.min(end).min(lengths.plain()), end: start.max(end).min(lengths.plain()) };
    if let Some(cut) = lengths.cut(range) {
        assert!(cut.sealed.start >= lengths.chunks().start && cut.sealed.end <= lengths.chunks().end, "{lengths:?} {range:?}");
    }
}

/// No bytes open but those that were sealed.
pub(crate) fn message(bytes: &[u8]) {
    let key = MasterKey::from_bytes(Zeroizing::new([7; 32])).derive(KeyUse::Probe);
    let context = Context::probe();
    assert!(key.open(&context, bytes).is_err(), "something nobody has sealed was opened");
    let (plain, edits) = bytes.split_at(bytes.len() / 2);
    let Ok(mut sealed) = key.seal(&context, plain) else { return };
    assert_eq!(key.open(&context, &sealed).ok().as_deref().map(Vec::as_slice), Some(plain));
    if changed(&mut sealed, edits) {
        assert!(key.open(&context, &sealed).is_err(), "a changed message was opened");
    }
    let names = MasterKey::from_bytes(Zeroizing::new([7; 32]))
        .derive(KeyUse::SealName { bucket: BucketId::from_bytes([1; 16]), directory: [2; 32] })
        .name_key();
    assert!(names.open_name(BucketId::from_bytes([1; 16]), &[2; 32], EntryId::from_bytes([3; 16]), bytes).is_err());
}

/// Of a frame that somebody made up nothing is opened, whatever lengths it claims.
pub(crate) fn frame(bytes: &[u8]) {
    let chunks = SealedChunks::from_store(bytes);
    let Ok(lengths) = FrameLengths::claimed(&chunks) else { return };
    let place = PlaceOfVersion {
        tenant: TenantId::from_bytes([1; 16]),
        bucket: BucketId::from_bytes([2; 16]),
        version: VersionId::from_bytes([3; 16]),
    };
    let key = OpenedDataKey::adopt(place, Zeroizing::new([0x42; 32]));
    let attempt = AttemptId::from_bytes([4; 16]);
    let part = |range: std::ops::Range<u64>| {
        let range = usize::try_from(range.start).unwrap_or(usize::MAX)..usize::try_from(range.end).unwrap_or(usize::MAX);
        bytes.get(range).unwrap_or_default()
    };
    let tail = SealedChunks::from_store(part(lengths.tail()));
    assert!(Manifest::open(&key, attempt, &tail, lengths, Aead::AesGcm).is_err());
    let start = SealedChunks::from_store(part(lengths.start()));
    let Ok(opener) = Opener::new(&key, attempt, &start, lengths.stream, Aead::AesGcm) else { return };
    let pool = PlainPool::new(1, 1 << 20);
    if let Some(cut) = lengths.cut(ByteRange::whole(lengths.plain())) {
        assert!(opener.open_cut(&cut, &SealedChunks::from_store(part(cut.sealed.clone())), &pool).is_err());
    }
}

/// A file that is no root is refused, and the refusal shows nothing of it.
pub(crate) fn root_file(bytes: &[u8]) {
    let (_folder, path) = written("root", bytes);
    match Root::open_file(&path, &Protection::FileMode) {
        Ok(_root) => assert!(bytes.starts_with(b"hozon-root-v1 key\n") && bytes.len() == 18 + 45),
        Err(error) => assert_quotes_nothing(&hozon::domain::causes(&error), bytes),
    }
}

/// A configuration is taken or refused in words.
pub(crate) fn configuration(bytes: &[u8]) {
    let (_folder, path) = written("hozon.toml", bytes);
    if let Err(error) = hozon::config::read(&path, std::iter::empty()) {
        assert!(hozon::domain::causes(&error).contains("hozon.toml"), "{error}");
    }
}

/// Flips bytes of `sealed` as `edits` say. Whether any byte is another one now.
fn changed(sealed: &mut [u8], edits: &[u8]) -> bool {
    let before = sealed.to_vec();
    for edit in edits.chunks_exact(2) {
        let (at, mask) = (usize::from(edit[0]) * 7, edit[1]);
        let at = at % sealed.len();
        if let Some(byte) = sealed.get_mut(at) {
            *byte ^= mask;
        }
    }
    before != sealed
}

fn assert_quotes_nothing(said: &str, bytes: &[u8]) {
    // What could be a secret: the words of the refusal, and the file's path, are not all of this alphabet.
    let is_base64 = |line: &&str| line.len() >= 20 && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    for line in String::from_utf8_lossy(bytes).lines().filter(is_base64) {
        assert!(!said.contains(line), "the refusal quotes the file");
    }
}

/// A private file with `bytes`, in a folder that goes when it is dropped.
fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let folder = tempfile::tempdir().expect("a folder for the file");
    let path = Path::new(folder.path()).join(name);
    let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path).expect("a file");
    file.write_all(bytes).expect("room for the file");
    (folder, path)
}

/// Looking at a body never fails, whatever it is said to be and however it comes in.
pub(crate) fn content(bytes: &[u8]) {
    for kind in [None, Some("application/dicom"), Some("application/fhir+json")] {
        let Ok(stated) = PatientId::parse("0001234") else { return };
        let (mut whole, mut pieces) = (PatientLook::new(stated.clone(), kind), PatientLook::new(stated, kind));
        whole.take(bytes);
        bytes.chunks(13).for_each(|piece| pieces.take(piece));
        assert_eq!(whole.found(), pieces.found());
    }
}

/// What is taken for something laid down about access is written back as it was read.
pub(crate) fn directive(bytes: &[u8]) {
    let Ok(directive) = serde_json::from_slice::<Directive>(bytes) else { return };
    let written = serde_json::to_vec(&directive).expect("it was read");
    assert_eq!(serde_json::from_slice::<Directive>(&written).ok(), Some(directive));
}

/// A tenant's own policies fit or are refused, and never take the place of those that are shipped.
pub(crate) fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let own = |text: &str| [("own".to_owned(), text.to_owned())];
    if RULES.with(&own(text)).is_ok() {
        let taken = format!("{text}\n@id(\"granted\") permit (principal, action, resource);");
        assert!(RULES.with(&own(&taken)).is_err());
    }
}
