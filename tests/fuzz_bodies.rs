#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

//! What must hold for any bytes, on bytes from a seed: the bodies of the fuzz targets, without a nightly compiler.

#[path = "../fuzz/bodies.rs"]
mod bodies;
#[path = "support/numbers.rs"]
mod numbers;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use numbers::Numbers;
use std::path::Path;
use std::time::{Duration, Instant};

/// What each body begins with: things that are right, so that what is made of them is nearly right.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    match name {
        "names" => texts(&[
            "karte-2027",
            "p1/所見/chest.dcm",
            "0001234",
            "chart.medical",
            "2027-03-31T15:00:00Z",
            "2027-04-01T00:00:00.5+09:00",
            "\"0123456789abcdef0123456789abcdef-3\"",
            "abababababababababababababababab/20270331/0123456789abcdef0123456789abcdef",
            "read-audit",
        ]),
        "layout" => [[72u64, 328, 0, 0], [16_456, 328, 5, 900], [16_472, 0, 0, 16_384], [0, 328, 0, 0]]
            .map(|numbers| numbers.iter().flat_map(|number| number.to_be_bytes()).collect())
            .to_vec(),
        "frame" => {
            let frames: serde_json::Value = serde_json::from_slice(&std::fs::read(vectors.join("frames-v1.json")).unwrap()).unwrap();
            let frames = frames["frames"].as_object().unwrap().values();
            frames.map(|vector| STANDARD.decode(vector["frame"].as_str().unwrap()).unwrap()).collect()
        }
        "root_file" => {
            let files = std::fs::read_dir(vectors.join("file-root")).unwrap();
            files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
        }
        "configuration" => vec![std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/hozon.toml")).unwrap()],
        "content" => texts(&[
            r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"p","identifier":[{"value":"0001234"}]}}]}"#,
            r#"{"resourceType":"Observation","subject":{"reference":"Patient/0001234"}}"#,
            concat!("DICM", "\u{2}\0\u{10}\0UI\u{4}\01.2 ", "\u{10}\0 \0LO\u{8}\00001234 "),
        ])
        .into_iter()
        .map(|text: Vec<u8>| if text.starts_with(b"DICM") { [vec![0; 128], text].concat() } else { text })
        .collect(),
        "directive" => texts(&[
            r#"{"is":"care","limit":"known"}"#,
            r#"{"is":"provider","issuer":"https://idp.example","audiences":["hozon"],"grants":[{"bucket":"*","rights":["read"]}]}"#,
            r#"{"is":"revocation","principal":"sato","before":1767225600000000}"#,
            r#"{"is":"person","name":"suzuki","kind":"person","profile":{"job_types":["nurse"]}}"#,
        ]),
        "policy" => texts(&[
            r#"@id("night") forbid (principal, action, resource is Record) when { context.hour < 6 };"#,
            r#"@id("ward") permit (principal is Person, action in [Action::"read"], resource is Record) when { resource has department };"#,
        ]),
        _ => vec![b"a message".to_vec()],
    }
}

fn bytes_of(numbers: &mut Numbers, count: usize) -> Vec<u8> {
    (0..count).map(|_| numbers.next().to_be_bytes()[0]).collect()
}

/// One of the seeds with a few changes, or bytes of no form at all.
fn made(seeds: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    if numbers.below(8) == 0 {
        let count = numbers.below(300);
        return bytes_of(numbers, count);
    }
    let mut bytes = numbers.one(seeds).clone();
    for _change in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        match numbers.below(5) {
            0 => bytes.truncate(at),
            1 => {
                let (count, more) = (numbers.below(20), at.min(bytes.len()));
                let new = bytes_of(numbers, count);
                bytes.splice(more..more, new);
            }
            2 => {
                let end = (at + numbers.below(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let other = numbers.one(seeds);
                let from = numbers.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
        }
    }
    bytes
}

#[test]
fn what_must_hold_for_any_bytes_holds() {
    let (seed, seconds) = numbers::asked();
    let each = Duration::from_secs_f64(seconds / bodies::BODIES.len() as f64);
    for (name, body) in bodies::BODIES {
        let seeds = seeds(name);
        let (began, mut numbers, mut round) = (Instant::now(), Numbers(seed), 0u64);
        // The first rounds run however slow the machine is.
        while round < 50 || began.elapsed() < each {
            let bytes = made(&seeds, &mut numbers);
            let held = std::panic::catch_unwind(|| body(&bytes));
            assert!(held.is_ok(), "{name}, seed {seed}, round {round}: {}", STANDARD.encode(&bytes));
            round += 1;
        }
    }
}

#[test]
fn every_target_has_its_body() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in bodies::BODIES {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name}");
        let target = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(target.contains(&format!("bodies::{name}(bytes)")), "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.join("fuzz_targets")).unwrap().count(), bodies::BODIES.len());
}
