//! Programs that must not compile: each file of `tests/compile_fail` is one, named after its mistake. The
//! comments that lead it are what the compiler must say.
//!
//! The compiler runs against the library that this test was linked with, so that nothing is built again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The newest build of the library beside this test's own program: the one that cargo has just made or found fresh.
fn library() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("libhozon-") && name.ends_with(".rlib")
    };
    let builds = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(is_library);
    builds
        .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
        .unwrap_or_else(|| panic!("no library in {}", folder.display()))
}

/// What the compiler says to a program; nothing when it takes it.
fn complaint(library: &Path, program: &Path) -> Option<String> {
    let out = tempfile::tempdir().unwrap();
    let mut named = OsString::from("hozon=");
    named.push(library);
    let done = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--color=never", "--out-dir"])
        .arg(out.path())
        .arg("-L")
        .arg(library.parent().unwrap())
        .arg("--extern")
        .arg(named)
        .arg(program)
        .output()
        .unwrap();
    (!done.status.success()).then(|| String::from_utf8(done.stderr).unwrap())
}

fn wrong_programs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let mut programs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    programs.sort();
    programs
}

/// What is wrong with the rejection of one program, if anything.
fn judge(library: &Path, program: &Path) -> Option<String> {
    let text = fs::read_to_string(program).unwrap();
    let expected: Vec<_> = text.lines().map_while(|line| line.strip_prefix("// ")).collect();
    assert!(!expected.is_empty(), "{} does not say why it is wrong", program.display());
    let Some(complaint) = complaint(library, program) else { return Some(format!("{} compiles", program.display())) };
    let as_expected = expected.iter().all(|words| complaint.contains(words));
    let only_that = complaint.contains("error: aborting due to 1 previous error");
    (!as_expected || !only_that).then(|| format!("{} is rejected for another reason:\n{complaint}", program.display()))
}

#[test]
fn wrong_programs_are_rejected_for_what_is_wrong_with_them() {
    let library = library();
    let programs = wrong_programs();
    assert!(programs.len() >= 29);
    let judgements: Vec<_> = std::thread::scope(|scope| {
        let halves: Vec<_> = programs
            .chunks(programs.len().div_ceil(2))
            .map(|half| scope.spawn(|| half.iter().filter_map(|program| judge(&library, program)).collect::<Vec<_>>()))
            .collect();
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert!(judgements.is_empty(), "{}", judgements.join("\n"));
}

#[test]
fn a_right_program_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("right.rs");
    fs::write(&program, "pub fn name(aead: hozon::seal::Aead) -> &'static str { aead.name() }\n").unwrap();
    assert_eq!(complaint(&library(), &program), None);
}
