//! The rules of the house, checked against every file of the tree.
//!
//! What clippy can see is a lint in `Cargo.toml`; what it cannot see stands here: who may use whom, who may
//! vouch for what, how long a file may be, what no file may name. Each rule is also run against a planted
//! violation, so that a rule that has gone blind fails too.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]

#[path = "house/source.rs"]
mod source;
#[path = "house/tree.rs"]
mod tree;
#[path = "house/walk.rs"]
mod walk;

use source::Source;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Layers, innermost first. A module may use modules of lower layers, and itself; same layer means strangers.
const LAYERS: &[&[&str]] = &[
    &["domain", "files", "meters"],
    &["seal", "digest", "client", "content"],
    &["blob", "root", "engine"],
    &["leases"],
    &["index", "audit", "access"],
    &["identity"],
    &["policy"],
    &["keys"],
    &["objects", "records", "upkeep", "report", "backup", "oversight"],
    &["listener", "s3", "sts", "api", "admin"],
    &["config", "telemetry"],
    &["app"],
    &["demo"],
    &["cli"],
    &["main"],
];

/// Constructors that vouch for something, and the modules that may call each.
const MINTS: &[(&str, &str, &[&str])] = &[
    ("FreshDataKey", "generate", &["keys"]),
    ("FreshDataKey", "readopt", &["keys"]),
    ("OpenedDataKey", "adopt", &["keys"]),
    ("SealedChunks", "from_store", &["blob"]),
    ("Plaintext", "from_client", &["s3", "objects"]),
    ("Leases", "data", &["keys"]),
];

/// Methods on a value that vouch like a constructor: the receiver's name, the method, who may call it.
const MINTS_BY_METHOD: &[(&str, &str, &[&str])] = &[("leases", "data", &["keys"])];

/// Types that prove something or hold a key. None may be duplicated, made from nothing or read from text.
const PROOFS: &[&str] = &[
    "MasterKey",
    "UseKey",
    "MacKey",
    "NameKey",
    "TokenSecret",
    "FreshDataKey",
    "FreshPartKey",
    "OpenedDataKey",
    "Plaintext",
    "SealedSegment",
    "SealedEnd",
    "Stored",
    "Admitted",
    "Receipt",
];

/// Of [`PROOFS`], the ones whose bytes must not even be printable.
const KEYS: &[&str] = &["MasterKey", "UseKey", "MacKey", "NameKey", "TokenSecret", "FreshDataKey", "FreshPartKey", "OpenedDataKey"];

/// Names that say nothing about what lies in the file.
const DUMPING_GROUNDS: &[&str] = &["util", "utils", "common", "helper", "helpers", "types", "misc", "manager", "shared"];

/// Modules that may hold a `static`.
const MAY_HOLD_STATE: &[&str] = &["app"];

/// Lines of a file without its tests, of a function, and of the tests inside a file.
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const INLINE_TEST_LINES_MAX: usize = 250;

fn broken_in(root: &Path) -> Vec<String> {
    Source::all_under(root).iter().flat_map(walk::broken_rules).collect()
}

#[test]
fn every_source_file_keeps_the_house_rules() {
    let broken = broken_in(Path::new("src"));
    assert!(broken.is_empty(), "{} broken rules:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_module_has_exactly_one_layer() {
    let named: Vec<&str> = LAYERS.iter().flat_map(|layer| layer.iter().copied()).collect();
    let distinct: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(named.len(), distinct.len(), "a module stands in two layers");
    for source in Source::all_under(Path::new("src")) {
        assert!(source.home == "lib" || distinct.contains(source.home.as_str()), "{} has no layer", source.home);
    }
}

#[test]
fn the_tree_names_no_machine_and_leaves_nothing_to_do() {
    let broken = tree::broken_rules(&tree::tracked_files(Path::new(".")));
    assert!(broken.is_empty(), "{} broken rules:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let broken = tree::dead_links(&tree::tracked_files(Path::new(".")));
    assert!(broken.is_empty(), "{} dead links:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_test_that_the_guideline_names_is_there() {
    let text = fs::read_to_string("docs/GUIDELINE.md").unwrap();
    let named = tree::tests_named(&text);
    assert!(named.len() > 10, "the table names {} tests", named.len());
    for (file, name) in named {
        let source = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.contains(&format!("fn {name}(")) || source.contains(&format!("def {name}(")), "{file} has no {name}");
    }
}

/// A file of wrong code, where it would lie under `src`, and what the house must say about it.
struct Planted {
    at: &'static str,
    code: &'static str,
    says: &'static str,
}

const PLANTED: &[Planted] = &[
    Planted { at: "seal/a.rs", code: "use crate::{domain::TenantId, keys::Keyring};", says: "seal may not use keys" },
    Planted { at: "seal/a.rs", code: "use crate::keys;", says: "seal may not use keys" },
    Planted { at: "seal/a.rs", code: "use crate::{self, keys as k};", says: "seal may not use keys" },
    Planted { at: "seal/a.rs", code: "fn f() { crate::policy::Gate::new(); }", says: "seal may not use policy" },
    Planted { at: "seal/a.rs", code: "fn f() { println!(\"{}\", crate::policy::NAME); }", says: "seal may not use policy" },
    Planted { at: "seal.rs", code: "use super::keys::Keyring;", says: "`super` leaves the module" },
    Planted { at: "seal/a.rs", code: "use super::super::keys::Keyring;", says: "`super::super` leaves the module" },
    Planted { at: "index.rs", code: "use crate::audit::Journal;", says: "index may not use audit" },
    Planted { at: "main.rs", code: "use crate::nowhere::Thing;", says: "nowhere has no layer" },
    Planted { at: "blob/a.rs", code: "fn f() { FreshDataKey::generate(place, wrap); }", says: "FreshDataKey::generate" },
    Planted { at: "blob/a.rs", code: "fn f() { crate::seal::FreshDataKey::readopt(place, b); }", says: "FreshDataKey::readopt" },
    Planted { at: "blob/a.rs", code: "fn f() { <OpenedDataKey>::adopt(place, b); }", says: "OpenedDataKey::adopt" },
    Planted { at: "blob/a.rs", code: "fn f() { vec![OpenedDataKey::adopt(place, b)]; }", says: "OpenedDataKey::adopt" },
    Planted { at: "objects/a.rs", code: "fn f() { b.map(SealedChunks::from_store); }", says: "SealedChunks::from_store" },
    Planted { at: "objects/a.rs", code: "fn f() { self.leases.data(tenant).await; }", says: "leases.data" },
    Planted { at: "objects/a.rs", code: "fn f() { Leases::data(&leases, tenant); }", says: "Leases::data" },
    Planted { at: "blob/a.rs", code: "use crate::seal::FreshDataKey as Key;", says: "FreshDataKey may not be renamed" },
    Planted { at: "blob/a.rs", code: "type Key = crate::seal::OpenedDataKey;", says: "OpenedDataKey may not be renamed" },
    Planted { at: "seal/a.rs", code: "#[derive(Clone)] pub struct Plaintext(Vec<u8>);", says: "Plaintext may not be Clone" },
    Planted { at: "seal/a.rs", code: "#[derive(Debug)] pub struct UseKey([u8; 32]);", says: "UseKey may not be Debug" },
    Planted { at: "policy/a.rs", code: "impl<A> Default for Admitted<A> { }", says: "Admitted may not be Default" },
    Planted { at: "keys/utils.rs", code: "", says: "says nothing" },
    Planted { at: "keys/a.rs", code: "static COUNT: u32 = 0;", says: "static state" },
    Planted { at: "keys/a.rs", code: "fn f() { static COUNT: u32 = 0; }", says: "static state" },
    Planted { at: "keys/a.rs", code: "thread_local! { }", says: "static state" },
];

#[test]
fn planted_violations_are_found() {
    for planted in PLANTED {
        let found = planted_in(planted.at, planted.code);
        assert!(found.iter().any(|line| line.contains(planted.says)), "`{}` in {}: {found:?}", planted.code, planted.at);
        assert_eq!(found.len(), 1, "`{}` in {}: {found:?}", planted.code, planted.at);
    }
}

#[test]
fn long_files_and_functions_are_found() {
    let body = "let _x = 1;\n".repeat(FUNCTION_LINES_MAX);
    assert_eq!(planted_in("keys/a.rs", &format!("fn f() {{\n{body}}}\n")).len(), 1);
    assert_eq!(planted_in("keys/a.rs", &format!("impl A {{ fn f() {{\n{body}}} }}\n")).len(), 1);
    assert_eq!(planted_in("keys/a.rs", &"// a\n".repeat(FILE_LINES_MAX + 1)).len(), 1);
    let tests = "// a\n".repeat(INLINE_TEST_LINES_MAX);
    assert_eq!(planted_in("keys/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{tests}}}\n")).len(), 1);
}

#[test]
fn right_code_is_let_through() {
    let right = [
        ("keys/a.rs", "use crate::seal::{FreshDataKey, UseKey}; fn f() { FreshDataKey::generate(place, wrap); leases.data(tenant); }"),
        ("blob.rs", "mod file; pub use file::FileStore; use crate::{domain, seal::SealedChunks}; fn f() { SealedChunks::from_store(b); }"),
        ("s3/a.rs", "use super::errors::fault; fn f() { Plaintext::from_client(b); frame.data(1); response.body().data(); }"),
        ("seal/a.rs", "#[cfg(test)] mod tests { use crate::keys::Keyring; fn f() { FreshDataKey::generate(p, w); } }"),
        ("app/a.rs", "static SIGNALS: u32 = 0;"),
        ("seal/a.rs", "#[derive(Debug)] pub struct SealedEnd; fn f<'a>(text: &'static str) {}"),
    ];
    for (at, code) in right {
        assert_eq!(planted_in(at, code), Vec::<String>::new(), "{code}");
    }
}

#[test]
fn machine_paths_and_dead_links_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let hidden = ["ro", "ot"].concat();
    fs::write(dir.path().join("a.md"), format!("see /{hidden}/x and [b](docs/none.md) and `docs/gone.md`\n")).unwrap();
    fs::write(dir.path().join("b.md"), format!("src/{hidden}/file.rs, https://example.org/x, [a](a.md#top), `cargo test`\n")).unwrap();
    fs::write(dir.path().join("c.rs"), format!("// {}{}: later\n", "TO", "DO")).unwrap();
    let files = tree::tracked_files(dir.path());
    assert_eq!(files.len(), 3);
    assert_eq!(tree::broken_rules(&files).len(), 2, "{:?}", tree::broken_rules(&files));
    assert_eq!(tree::dead_links(&files).len(), 2, "{:?}", tree::dead_links(&files));
}

fn planted_in(at: &str, code: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(at);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, code).unwrap();
    broken_in(dir.path())
}
