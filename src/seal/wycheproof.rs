//! The Wycheproof vectors that apply, from the folder that `HOZON_WYCHEPROOF` names.

use super::aead::{Aead, AeadKey, TAG_BYTES};
use super::stream::{StreamKey, open_message, seal_message_with};
use super::{Context, kdf};
use aws_lc_rs::{digest, hmac};
use serde_json::Value;
use std::path::PathBuf;

/// Each group and test of a file, or nothing where the folder is not named.
fn vectors(file: &str) -> Vec<(Value, Value)> {
    let Some(folder) = std::env::var_os("HOZON_WYCHEPROOF") else {
        eprintln!("not run: HOZON_WYCHEPROOF names no folder with {file}");
        return Vec::new();
    };
    let text = std::fs::read(PathBuf::from(folder).join(file)).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    let groups = document["testGroups"].as_array().unwrap();
    let tests: Vec<_> = groups.iter().flat_map(|g| g["tests"].as_array().unwrap().iter().map(|t| (g.clone(), t.clone()))).collect();
    assert_eq!(Some(tests.len() as u64), document["numberOfTests"].as_u64());
    tests
}

fn bytes(test: &Value, field: &str) -> Vec<u8> {
    hex::decode(test[field].as_str().unwrap()).unwrap()
}

fn is_valid(test: &Value) -> bool {
    test["result"] == "valid"
}

#[test]
fn chunked_encryption_opens_and_seals_as_wycheproof_says() {
    for (_, test) in vectors("c2sp_chunked_encryption_aes_256_gcm_test.json") {
        let (case, sealed) = (&test["tcId"], inflate(&bytes(&test, "ct")));
        // A key of another length cannot be said in our types.
        let Ok(key) = <[u8; 32]>::try_from(bytes(&test, "key")) else {
            assert!(!is_valid(&test), "{case}");
            continue;
        };
        let context = Context::raw(&bytes(&test, "ctx"));
        for aead in Aead::ALL {
            let opened = open_message(&key, &context, &sealed, aead);
            assert_eq!(opened.is_ok(), is_valid(&test), "{case}");
            let Ok(plain) = opened else { continue };
            assert_eq!(test["msgLength"].as_u64(), Some(plain.len() as u64), "{case}");
            assert_eq!(digest::digest(&digest::SHA512, &plain).as_ref(), bytes(&test, "msgSha512"), "{case}");
            let salt = sealed.first_chunk::<24>().unwrap();
            let (stream, header) = StreamKey::salted(&key, salt, &context, aead).unwrap();
            assert!(seal_message_with(&stream, &header, &plain).unwrap() == sealed, "{case}");
        }
    }
}

#[test]
fn both_libraries_do_aes_256_gcm_as_wycheproof_says() {
    for (group, test) in vectors("aes_gcm_test.json") {
        if (group["keySize"].as_u64(), group["ivSize"].as_u64(), group["tagSize"].as_u64()) != (Some(256), Some(96), Some(128)) {
            continue;
        }
        let (case, key, nonce) = (&test["tcId"], bytes(&test, "key").try_into().unwrap(), bytes(&test, "iv").try_into().unwrap());
        let (aad, plain, sealed) = (bytes(&test, "aad"), bytes(&test, "msg"), [bytes(&test, "ct"), bytes(&test, "tag")].concat());
        for aead in Aead::ALL {
            let library = AeadKey::new(aead, &key).unwrap();
            let mut opened = vec![0; sealed.len() - TAG_BYTES];
            let result = library.open(&nonce, &aad, &sealed, &mut opened);
            assert_eq!(result.is_ok(), is_valid(&test), "{case}");
            let mut again = vec![0; plain.len() + TAG_BYTES];
            library.seal(&nonce, &aad, &plain, &mut again).unwrap();
            assert_eq!(again == sealed, is_valid(&test), "{case}");
            assert!(!is_valid(&test) || opened == plain, "{case}");
        }
    }
}

#[test]
fn expanding_is_that_of_hkdf_sha512_as_wycheproof_says() {
    const ALL: usize = 255 * 64;
    for (_, test) in vectors("hkdf_sha512_test.json") {
        let salt = hmac::Key::new(hmac::HMAC_SHA512, &bytes(&test, "salt"));
        let extracted = hmac::sign(&salt, &bytes(&test, "ikm"));
        let all = kdf::expand::<ALL>(extracted.as_ref(), &[&bytes(&test, "info")]);
        let size = usize::try_from(test["size"].as_u64().unwrap()).unwrap();
        // More than the whole cannot be asked for.
        assert_eq!(size <= ALL, is_valid(&test), "{}", test["tcId"]);
        if let Some(asked) = all.get(..size) {
            assert_eq!(asked, bytes(&test, "okm"), "{}", test["tcId"]);
        }
    }
}

/// Inflates a zlib stream (RFC 1950, RFC 1951): just enough to read the vectors.
fn inflate(zlib: &[u8]) -> Vec<u8> {
    let mut bits = Bits { bytes: &zlib[2..], at: 0 };
    let mut out = Vec::new();
    loop {
        let last = bits.take(1) == 1;
        match bits.take(2) {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let length = bits.take(16);
                assert_eq!(bits.take(16), length ^ 0xffff);
                (0..length).for_each(|_| out.push(u8::try_from(bits.take(8)).unwrap()));
            }
            1 => {
                let literals: Vec<u8> = (0..288)
                    .map(|s| match s {
                        0..144 => 8,
                        144..256 => 9,
                        256..280 => 7,
                        _ => 8,
                    })
                    .collect();
                block(&mut bits, &Codes::of(&literals), &Codes::of(&[5; 30]), &mut out);
            }
            2 => {
                let (literals, distances) = dynamic_codes(&mut bits);
                block(&mut bits, &literals, &distances, &mut out);
            }
            _ => panic!("no such block"),
        }
        if last {
            return out;
        }
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        (0..count).fold(0, |value, place| {
            let bit = usize::from(self.bytes[self.at / 8] >> (self.at % 8)) & 1;
            self.at += 1;
            value | bit << place
        })
    }
}

/// Canonical Huffman codes: how many of each length, and the symbols in the order of their codes.
struct Codes {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Codes {
    fn of(lengths: &[u8]) -> Self {
        let mut counts = [0; 16];
        lengths.iter().filter(|length| **length > 0).for_each(|length| counts[usize::from(*length)] += 1);
        let mut symbols: Vec<_> = (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[*symbol]);
        Self { counts, symbols }
    }

    fn next(&self, bits: &mut Bits<'_>) -> usize {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1);
            if code < first + count {
                return self.symbols[index + code - first];
            }
            (index, first, code) = (index + count, (first + count) << 1, code << 1);
        }
        panic!("no such code")
    }
}

fn dynamic_codes(bits: &mut Bits<'_>) -> (Codes, Codes) {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let (literals, distances, codes) = (bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4);
    let mut of_lengths = [0; 19];
    ORDER.iter().take(codes).for_each(|symbol| of_lengths[*symbol] = u8::try_from(bits.take(3)).unwrap());
    let of_lengths = Codes::of(&of_lengths);
    let mut lengths: Vec<u8> = Vec::new();
    while lengths.len() < literals + distances {
        let (length, times) = match of_lengths.next(bits) {
            16 => (*lengths.last().unwrap(), 3 + bits.take(2)),
            17 => (0, 3 + bits.take(3)),
            18 => (0, 11 + bits.take(7)),
            length => (u8::try_from(length).unwrap(), 1),
        };
        lengths.extend(std::iter::repeat_n(length, times));
    }
    (Codes::of(&lengths[..literals]), Codes::of(&lengths[literals..]))
}

fn block(bits: &mut Bits<'_>, literals: &Codes, distances: &Codes, out: &mut Vec<u8>) {
    loop {
        match literals.next(bits) {
            256 => return,
            symbol @ 0..256 => out.push(u8::try_from(symbol).unwrap()),
            285 => copy(bits, distances, 258, out),
            symbol => {
                // Lengths go up in steps that double every four symbols.
                let group = (symbol - 257) / 4;
                let extra = group.saturating_sub(1);
                let base = if group == 0 { symbol - 254 } else { 3 + ((4 + (symbol - 257) % 4) << extra) };
                let length = base + bits.take(extra);
                copy(bits, distances, length, out);
            }
        }
    }
}

fn copy(bits: &mut Bits<'_>, distances: &Codes, length: usize, out: &mut Vec<u8>) {
    let symbol = distances.next(bits);
    // Distances go up in steps that double every two symbols.
    let extra = (symbol / 2).saturating_sub(1);
    let base = if symbol < 2 { symbol + 1 } else { 1 + ((2 + symbol % 2) << extra) };
    let distance = base + bits.take(extra);
    (0..length).for_each(|_| out.push(out[out.len() - distance]));
}
