//! The image's build file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const FILE: &str = "deploy/container/Containerfile";

/// The instructions of the file, one a line, without comments.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string(FILE).unwrap().replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap()).map(|(word, rest)| (word.to_owned(), rest.trim().to_owned())).collect()
}

fn all_of<'a>(instructions: &'a [(String, String)], word: &str) -> Vec<&'a str> {
    instructions.iter().filter(|(found, _)| found == word).map(|(_, rest)| rest.as_str()).collect()
}

#[test]
fn the_image_is_built_from_what_is_there() {
    let instructions = instructions();
    let known = ["ARG", "FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"];
    let kept: Vec<String> = {
        let ignore = fs::read_to_string(".containerignore").unwrap();
        assert!(ignore.lines().any(|line| line == "*"), "all is left out but what is named");
        ignore.lines().filter_map(|line| line.strip_prefix('!')).map(str::to_owned).collect()
    };
    assert_eq!(fs::read_to_string(".dockerignore").unwrap(), fs::read_to_string(".containerignore").unwrap());
    let mut stages = BTreeSet::new();
    let mut copied = BTreeSet::new();
    for (word, rest) in &instructions {
        assert!(known.contains(&word.as_str()), "{word} is no instruction that is used here");
        if word == "FROM" {
            let (image, stage) = rest.split_once(" AS ").unwrap();
            let argument = image.strip_prefix("${").and_then(|name| name.strip_suffix('}')).unwrap();
            assert!(all_of(&instructions, "ARG").iter().any(|made| made.starts_with(&format!("{argument}="))), "{image}");
            stages.insert(stage.to_owned());
        }
        if word == "COPY" {
            let (flags, paths): (Vec<&str>, Vec<&str>) = rest.split(' ').partition(|part| part.starts_with("--"));
            let from = flags.iter().find_map(|flag| flag.strip_prefix("--from="));
            assert!(from.is_none_or(|stage| stages.contains(stage)), "{rest}: no earlier stage");
            for source in paths.split_last().unwrap().1.iter().filter(|_| from.is_none()) {
                assert!(Path::new(source).exists(), "{source} is not there");
                assert!(kept.iter().any(|kept| kept == source), "{source} is left out by .containerignore");
                copied.insert((*source).to_owned());
            }
        }
    }
    assert_eq!(copied, kept.into_iter().collect(), "what is sent to the build and what it copies");
}

#[test]
fn the_build_has_what_the_sources_include() {
    let kept = fs::read_to_string(".containerignore").unwrap();
    for entry in walkdir::WalkDir::new("src").into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file()) {
        let text = fs::read_to_string(entry.path()).unwrap();
        for (at, word) in text.match_indices("include_").filter(|(at, _)| text[*at..].contains("!(\"")) {
            let Some(path) = text[at + word.len()..].strip_prefix("str!(\"").and_then(|rest| rest.split('"').next()) else { continue };
            let whole = entry.path().parent().unwrap().join(path).canonicalize().unwrap();
            let inside = whole.strip_prefix(Path::new(".").canonicalize().unwrap()).unwrap();
            let top = inside.iter().next().unwrap().to_str().unwrap();
            assert!(kept.lines().any(|line| line == format!("!{top}")), "{} is not in the build", inside.display());
        }
    }
}

#[test]
fn the_image_is_pinned_and_runs_without_rights() {
    let instructions = instructions();
    let toolchain: toml::Table = fs::read_to_string("rust-toolchain.toml").unwrap().parse().unwrap();
    let version = toolchain["toolchain"]["channel"].as_str().unwrap();
    let images = all_of(&instructions, "ARG");
    assert!(images.iter().any(|image| image.contains(&format!("/rust:{version}-"))), "the image's Rust is that of rust-toolchain.toml");
    assert!(images.iter().all(|image| image.contains(':') && !image.contains(":latest")), "{images:?}");
    assert_eq!(all_of(&instructions, "USER"), ["10001:10001"]);
    let at = |word: &str| instructions.iter().position(|(found, _)| found == word).unwrap();
    assert!(at("USER") > instructions.iter().rposition(|(word, _)| word == "RUN").unwrap(), "nothing runs as root after it");
    assert!(all_of(&instructions, "RUN")[0].contains("--locked"), "{instructions:?}");
    for (word, rest) in &instructions {
        let lower = rest.to_lowercase();
        assert!(!["password", "secret", "token"].iter().any(|name| lower.contains(name)), "{word} {rest}");
        assert!(word != "COPY" || rest.starts_with("--") || at("COPY") < at("RUN"), "{word} {rest}");
    }
}

#[test]
fn the_image_starts_and_asks_commands_that_there_are() {
    let instructions = instructions();
    let words = |rest: &str| -> Vec<String> { serde_json::from_str(&rest[rest.find('[').unwrap()..]).unwrap() };
    let program = words(all_of(&instructions, "ENTRYPOINT")[0]).remove(0);
    assert!(all_of(&instructions, "COPY").iter().any(|rest| rest.ends_with(&format!(" {program}"))));
    let health = words(all_of(&instructions, "HEALTHCHECK")[0]);
    assert_eq!(health[0], program);
    for command in [words(all_of(&instructions, "CMD")[0]), health[1..].to_vec()] {
        // `--help` after the words: clap refuses those that it does not know before it shows any help.
        super::ran(Command::new(env!("CARGO_BIN_EXE_hozon")).args(&command).arg("--help"));
    }
    // It listens where the image says, once a configuration lets it listen beyond loopback.
    let exposed = all_of(&instructions, "EXPOSE")[0];
    let shipped = hozon::config::read(Path::new("config/hozon.toml"), std::iter::empty()).unwrap();
    assert_eq!(shipped.listener.address.port().to_string(), exposed);
}
