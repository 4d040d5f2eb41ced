//! The frozen vectors, through the library and through the stand-alone decryptor.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hozon::domain::{
    AttemptId, Attributes, BucketId, ByteRange, EntryId, EventId, EventKeyId, KekPurpose, PrincipalId, RunId, TenantId, UploadId, VersionId,
};
use hozon::seal::layout::FrameLengths;
use hozon::seal::{
    Aead, Context, FreshDataKey, KeyUse, Manifest, ManifestFacts, ManifestPart, MasterKey, OpenError, OpenedDataKey, Opener, PlaceOfPart,
    PlaceOfRun, PlaceOfVersion, PlainPool, Plaintext, RunExtent, SealError, SealedChunks, Sealer, TokenKind, TokenSecret,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use zeroize::Zeroizing;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn document(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder().join("vectors").join(name)).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}"))
}

fn hexadecimal(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    hexadecimal(value).try_into().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn place_in(value: &Value, field: &str) -> usize {
    usize::try_from(number(&value[field])).unwrap()
}

fn master(value: &Value) -> MasterKey {
    MasterKey::from_bytes(Zeroizing::new(bytes(value)))
}

fn edited(mut data: Vec<u8>, edits: &Value) -> Vec<u8> {
    for edit in list(edits) {
        let at = |field| place_in(edit, field);
        if edit.get("flip").is_some() {
            data[at("flip")] ^= u8::try_from(at("mask")).unwrap();
        } else if edit.get("cut").is_some() {
            data.truncate(data.len() - at("cut"));
        } else if edit.get("remove").is_some() {
            data.drain(at("remove")..at("remove") + at("length"));
        } else if edit.get("insert").is_some() {
            data.splice(at("insert")..at("insert"), hexadecimal(&edit["bytes"]));
        } else if edit.get("swap").is_some() {
            for step in 0..at("length") {
                data.swap(at("swap") + step, at("with") + step);
            }
        } else {
            let new = hexadecimal(&edit["bytes"]);
            data[at("write")..at("write") + new.len()].copy_from_slice(&new);
        }
    }
    data
}

/// One frame as the index would know it.
struct Asked {
    kek: [u8; 32],
    wrapped: Vec<u8>,
    frame: Vec<u8>,
    place: PlaceOfPart,
    lengths: FrameLengths,
}

impl Asked {
    fn of(document: &Value, vector: &Value) -> Self {
        let place = PlaceOfPart {
            tenant: TenantId::from_bytes(bytes(&vector["tenant"])),
            bucket: BucketId::from_bytes(bytes(&vector["bucket"])),
            version: VersionId::from_bytes(bytes(&vector["version"])),
            attempt: AttemptId::from_bytes(bytes(&vector["attempt"])),
        };
        Self {
            kek: bytes(&document["kek"]),
            wrapped: hexadecimal(&vector["wrapped_dek"]),
            frame: STANDARD.decode(text(vector, "frame")).unwrap(),
            place,
            lengths: FrameLengths { stream: number(&vector["stream_length"]), manifest: number(&vector["manifest_length"]) },
        }
    }

    fn piece(&self, range: std::ops::Range<u64>) -> SealedChunks<'_> {
        let end = usize::try_from(range.end).unwrap().min(self.frame.len());
        SealedChunks::from_store(&self.frame[usize::try_from(range.start).unwrap().min(end)..end])
    }

    fn key(&self) -> Result<OpenedDataKey, OpenError> {
        let PlaceOfPart { tenant, bucket, version, .. } = self.place;
        let wrap = MasterKey::from_bytes(Zeroizing::new(self.kek)).derive(KeyUse::WrapDek);
        let unwrapped = wrap.open_key(&Context::dek(tenant, bucket, version), &self.wrapped)?;
        Ok(OpenedDataKey::adopt(PlaceOfVersion { tenant, bucket, version }, unwrapped))
    }

    fn body(&self, aead: Aead) -> Result<Vec<u8>, OpenError> {
        if self.lengths.stream == 0 {
            return Ok(Vec::new());
        }
        let opener = Opener::new(&self.key()?, self.place.attempt, &self.piece(self.lengths.start()), self.lengths.stream, aead)?;
        let cut = self.lengths.cut(ByteRange::whole(opener.plain_length())).unwrap();
        let plain = opener.open_cut(&cut, &self.piece(cut.sealed.clone()), &PlainPool::new(0, 0))?;
        Ok(plain.show(<[u8]>::to_vec))
    }

    /// The tail is everything after the stream, also beyond the frame's end.
    fn manifest(&self, aead: Aead) -> Result<Option<Manifest>, OpenError> {
        if self.lengths.manifest == 0 {
            return Ok(None);
        }
        let tail = self.piece(self.lengths.tail().start..u64::try_from(self.frame.len()).unwrap());
        Manifest::open(&self.key()?, self.place.attempt, &tail, self.lengths, aead).map(Some)
    }
}

#[test]
fn good_frames_open_to_what_was_sealed() {
    let document = document("frames-v1.json");
    let frames = document["frames"].as_object().unwrap();
    assert_eq!(frames.len(), 8);
    for ((name, vector), aead) in frames.iter().flat_map(|frame| Aead::ALL.map(|aead| (frame, aead))) {
        let asked = Asked::of(&document, vector);
        let body = asked.body(aead).unwrap();
        assert_eq!(hex::encode(digest::digest(&digest::SHA256, &body)), text(vector, "plain_sha256"), "{name}");
        let attributes = asked.manifest(aead).unwrap().map(|manifest| manifest.attributes().clone());
        assert_eq!(attributes, serde_json::from_value(vector["attributes"].clone()).unwrap(), "{name}");
        assert_eq!(PlaceOfPart::claimed(&SealedChunks::from_store(&asked.frame)).unwrap(), asked.place);
        assert_eq!(FrameLengths::claimed(&SealedChunks::from_store(&asked.frame)).unwrap(), asked.lengths);
    }
}

#[test]
fn hostile_frames_are_refused_at_the_stage_that_they_attack() {
    let document = document("frames-v1.json");
    let hostile = list(&document["hostile"]);
    assert!(hostile.len() >= 50);
    for (vector, aead) in hostile.iter().flat_map(|vector| Aead::ALL.map(|aead| (vector, aead))) {
        let mut base = document["frames"][text(vector, "base")].clone();
        for (field, value) in vector.get("asked_as").and_then(Value::as_object).into_iter().flatten() {
            base[field] = value.clone();
        }
        let mut asked = Asked::of(&document, &base);
        asked.frame = edited(asked.frame, &vector["edits"]);
        asked.wrapped = edited(asked.wrapped, &vector["wrapped_edits"]);
        let refused: Vec<_> = list(&vector["refused"]).iter().filter_map(Value::as_str).collect();
        assert_eq!(asked.body(aead).is_err(), refused.contains(&"body"), "{}", vector["name"]);
        assert_eq!(asked.manifest(aead).is_err(), refused.contains(&"manifest"), "{}", vector["name"]);
    }
}

#[test]
fn the_frames_of_a_version_are_those_that_its_manifest_names() {
    let document = document("frames-v1.json");
    for version in list(&document["versions"]) {
        let frames: Vec<_> =
            list(&version["frames"]).iter().map(|name| Asked::of(&document, &document["frames"][name.as_str().unwrap()])).collect();
        let manifest = frames[0].manifest(Aead::AesGcm).unwrap().unwrap();
        let part = |part: &ManifestPart| {
            let frame = frames.iter().find(|frame| frame.place.attempt == part.attempt).unwrap();
            assert_eq!((frame.lengths.stream, frame.lengths.plain()), (part.stream_length, part.plain_length));
            frame.body(Aead::AwsLc).unwrap()
        };
        let body: Vec<u8> = manifest.parts().iter().flat_map(part).collect();
        assert_eq!(u64::try_from(body.len()).unwrap(), manifest.plain_length());
        assert_eq!(hex::encode(digest::digest(&digest::SHA256, &body)), text(version, "plain_sha256"));
    }
}

#[test]
fn each_use_of_a_master_key_has_the_frozen_key() {
    let document = document("keys-v1.json");
    assert_eq!(list(&document["uses"]).len(), 15);
    for vector in list(&document["uses"]) {
        let parameter = |index: usize| &vector["parameters"][index];
        let purpose = match text(vector, "label") {
            "wrap-root" => KeyUse::WrapRoot,
            "wrap-kek" => KeyUse::WrapKek,
            "wrap-dek" => KeyUse::WrapDek,
            "wrap-secret" => KeyUse::WrapSecret,
            "seal-attributes" => KeyUse::SealAttributes,
            "seal-run" => KeyUse::SealRun,
            "row-mac" => KeyUse::RowMac,
            "cursor" => KeyUse::Cursor,
            "session" => KeyUse::Session,
            "wrap-event-key" => KeyUse::WrapEventKey,
            "seal-event" => KeyUse::SealEvent,
            "backup" => KeyUse::Backup,
            "tenant-root" => KeyUse::TenantRoot(TenantId::from_bytes(bytes(parameter(0)))),
            "seal-name" => KeyUse::SealName { bucket: BucketId::from_bytes(bytes(parameter(0))), directory: bytes(parameter(1)) },
            "probe" => KeyUse::Probe,
            other => panic!("{other}"),
        };
        let parts: Vec<_> = list(&vector["parts"]).iter().map(hexadecimal).collect();
        let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
        assert_eq!(master(&document["master"]).derive(purpose).mac(&parts), bytes(&vector["mac"]), "{purpose:?}");
    }
}

#[test]
fn each_context_opens_its_frozen_message() {
    let document = document("keys-v1.json");
    let probe = master(&document["master"]).derive(KeyUse::Probe);
    assert_eq!(list(&document["messages"]).len(), 19);
    for vector in list(&document["messages"]) {
        let opened = probe.open(&context(text(vector, "kind"), &vector["fields"]), &hexadecimal(&vector["sealed"])).unwrap();
        assert_eq!(opened.as_slice(), hexadecimal(&vector["plain"]), "{vector}");
    }
}

fn context(kind: &str, fields: &Value) -> Context {
    let id = |index: usize| bytes::<16>(&fields[index]);
    let tenant = || TenantId::from_bytes(id(0));
    let bucket = || BucketId::from_bytes(id(1));
    let version = || VersionId::from_bytes(id(2));
    let upload = || UploadId::from_bytes(id(2));
    let principal = || PrincipalId::from_bytes(id(1));
    let part = || PlaceOfPart { tenant: tenant(), bucket: bucket(), version: version(), attempt: AttemptId::from_bytes(id(3)) };
    let run = || PlaceOfRun { tenant: tenant(), bucket: bucket(), directory: bytes(&fields[2]), run: RunId::from_bytes(id(3)) };
    let name = |index: usize| String::from_utf8(hexadecimal(&fields[index])).unwrap();
    let epoch = |index: usize| u32::from_be_bytes(bytes(&fields[index]));
    let revision = |index: usize| u64::from_be_bytes(bytes(&fields[index]));
    match kind {
        "body" => Context::body(part()),
        "manifest" => Context::manifest(part()),
        "dek" => Context::dek(tenant(), bucket(), version()),
        "kek" => {
            let purpose = KekPurpose::ALL.into_iter().find(|purpose| purpose.name() == name(1)).unwrap();
            Context::kek(tenant(), purpose, epoch(2))
        }
        "token-secret" => Context::token_secret(tenant(), epoch(1)),
        "access-key-secret" => Context::access_key_secret(tenant(), principal(), &name(2)),
        "profile" => Context::profile(tenant(), principal(), revision(2)),
        "attributes" => Context::attributes(tenant(), bucket(), version()),
        "tags" => Context::tags(tenant(), bucket(), version(), revision(3)),
        "upload" => Context::upload(tenant(), bucket(), upload()),
        "upload-tags" => Context::upload_tags(tenant(), bucket(), upload()),
        "part-checksums" => Context::part_checksums(part()),
        "event-key" => Context::event_key(tenant(), EventKeyId::from_bytes(id(1))),
        "event" => Context::event(tenant(), EventId::from_bytes(id(1))),
        "cursor" => Context::cursor(tenant(), bucket()),
        "run" => {
            let extent =
                RunExtent { epoch: revision(4), mark: revision(5), pages: u32::from_be_bytes(bytes(&fields[6])), items: revision(7) };
            Context::run(run(), extent)
        }
        "run-page" => Context::run_page(run(), u32::from_be_bytes(bytes(&fields[4]))),
        "root-file" => Context::root_file(),
        "probe" => Context::probe(),
        other => panic!("{other}"),
    }
}

#[test]
fn frozen_names_open_and_frozen_tokens_come_out_again() {
    let document = document("keys-v1.json");
    for vector in list(&document["names"]) {
        let (bucket, directory) = (BucketId::from_bytes(bytes(&vector["bucket"])), bytes(&vector["directory"]));
        let key = master(&document["master"]).derive(KeyUse::SealName { bucket, directory }).name_key();
        let entry = EntryId::from_bytes(bytes(&vector["entry"]));
        let name = key.open_name(bucket, &directory, entry, &hexadecimal(&vector["sealed"])).unwrap();
        assert_eq!(name.as_str(), text(vector, "name"));
    }
    let secret = TokenSecret::from_bytes(Zeroizing::new(bytes(&document["master"])));
    assert_eq!((list(&document["names"]).len(), list(&document["tokens"]).len()), (3, 4));
    for vector in list(&document["tokens"]) {
        let kind = match text(vector, "kind") {
            "key" => TokenKind::Key,
            "directory" => TokenKind::Directory,
            "patient" => TokenKind::Patient,
            other => panic!("{other}"),
        };
        let token = secret.token(kind, &bytes(&vector["scope"]), text(vector, "value").as_bytes());
        assert_eq!(token, bytes(&vector["token"]), "{vector}");
    }
}

#[test]
#[ignore = "needs python3 with the cryptography package"]
fn the_stand_alone_decryptor_agrees_on_every_frozen_vector() {
    let done = Command::new("python3").arg("-B").arg(folder().join("decryptor/check_vectors.py")).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(done.stdout.ends_with(b"vectors as expected\n"));
}

#[test]
#[ignore = "needs python3 with the cryptography package"]
fn the_stand_alone_decryptor_opens_a_version_just_sealed() {
    let kek = MasterKey::generate().unwrap();
    let place = PlaceOfVersion { tenant: TenantId::random(), bucket: BucketId::random(), version: VersionId::random() };
    let context = Context::dek(place.tenant, place.bucket, place.version);
    let wrap = kek.derive(KeyUse::WrapDek);
    let (key, wrapped) = FreshDataKey::generate::<SealError>(place, |dek| wrap.seal(&context, dek)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    let mut parts = Vec::new();
    let mut body = Vec::new();
    for (number, length) in [(1, 100_000), (2, 16_384), (3, 0), (7, 5)] {
        let plain: Vec<u8> = (0..=255u8).cycle().skip(body.len() % 7).take(length).collect();
        let mut sealer = Sealer::new(key.part(), Aead::AwsLc).unwrap();
        sealer.push(&Plaintext::from_client(Bytes::from(plain.clone()))).unwrap();
        let (segments, end) = sealer.finish(None).unwrap();
        parts.push(ManifestPart { number, attempt: end.attempt(), plain_length: end.plain_length(), stream_length: end.stream_length() });
        write(&format!("part-{number}"), &segments.into_iter().flat_map(hozon::seal::SealedSegment::into_bytes).collect::<Vec<_>>());
        body.extend(plain);
    }
    let attributes = Attributes { key: "山田/ct.dcm".into(), ..Attributes::default() };
    let facts = ManifestFacts { attributes: &attributes, parts, plain_length: u64::try_from(body.len()).unwrap() };
    let (segments, _end) = Sealer::manifest_only(key.part(), Aead::AesGcm, &facts).unwrap();
    write("completing", &segments.into_iter().flat_map(hozon::seal::SealedSegment::into_bytes).collect::<Vec<_>>());
    write("kek", kek.expose());
    write("dek", &wrapped);
    let open = |blobs: &[&str]| {
        let mut command = Command::new("python3");
        command.current_dir(dir.path()).arg("-B").arg(folder().join("decryptor/open_blob.py"));
        command.args(["--kek", "kek", "--dek", "dek", "--out", "body", "--manifest", "manifest"]).args(blobs).output().unwrap()
    };
    let done = open(&["completing", "part-7", "part-3", "part-2", "part-1"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(std::fs::read(dir.path().join("body")).unwrap() == body);
    let manifest: Value = serde_json::from_slice(&std::fs::read(dir.path().join("manifest")).unwrap()).unwrap();
    assert_eq!(manifest["attributes"]["key"], "山田/ct.dcm");
    let refused = open(&["completing", "part-7", "part-3", "part-2"]);
    assert_eq!((refused.status.success(), refused.stderr), (false, b"refused: part 1 is missing\n".to_vec()));
}
