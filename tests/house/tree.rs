//! The rules that need only a file's text: what no file of the repository may say.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lists the files under version control in `root`, or every file where there is no version control.
pub(crate) fn tracked_files(root: &Path) -> Vec<PathBuf> {
    let listed = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output();
    let names = match listed {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap(),
        Ok(_) | Err(_) => return every_file(root),
    };
    names.split('\0').filter(|name| !name.is_empty()).map(|name| root.join(name)).filter(|path| path.is_file()).collect()
}

fn every_file(root: &Path) -> Vec<PathBuf> {
    let is_ours = |entry: &walkdir::DirEntry| ![".git", "target"].iter().any(|skipped| entry.file_name() == *skipped);
    let entries = walkdir::WalkDir::new(root).into_iter().filter_entry(is_ours).map(Result::unwrap);
    entries.map(walkdir::DirEntry::into_path).filter(|path| path.is_file()).collect()
}

/// Says which files name a path of one machine, a package registry, or something left to do.
pub(crate) fn broken_rules(files: &[PathBuf]) -> Vec<String> {
    let mut broken = Vec::new();
    let paths = machine_paths();
    for file in files {
        // The lock file names the registry because cargo writes it; binary files have no lines.
        if file.ends_with("Cargo.lock") {
            continue;
        }
        let Ok(text) = fs::read_to_string(file) else { continue };
        for (number, line) in text.lines().enumerate() {
            let at = format!("{}:{}", file.display(), number + 1);
            if let Some(path) = paths.iter().find(|path| names_path(line, path)) {
                broken.push(format!("{at}: names {path}, a path of one machine"));
            }
            if let Some(host) = registry_hosts().iter().find(|host| line.contains(host.as_str())) {
                broken.push(format!("{at}: names {host}, a package registry"));
            }
            if unfinished_marks().iter().any(|mark| line.contains(mark.as_str())) && is_code(file) {
                broken.push(format!("{at}: leaves something to do"));
            }
        }
    }
    broken
}

fn is_code(file: &Path) -> bool {
    file.extension().is_some_and(|extension| ["rs", "py", "sh", "toml"].iter().any(|code| extension == *code))
}

/// The marks are put together here, so that this file does not carry them.
fn unfinished_marks() -> [String; 3] {
    [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X:"].concat()]
}

fn registry_hosts() -> [String; 4] {
    [["static.crates", ".io"].concat(), ["index.crates", ".io"].concat(), ["pypi", ".org"].concat(), ["registry.npmjs", ".org"].concat()]
}

fn machine_paths() -> Vec<String> {
    let mut paths: Vec<String> = ["home", "root", "work", "Users"].iter().map(|name| format!("/{name}/")).collect();
    let here = env::current_dir().unwrap();
    let own = [env::var("HOME").ok(), here.parent().map(|parent| parent.display().to_string())];
    paths.extend(own.into_iter().flatten().filter(|path| path.len() > 1).map(|path| format!("{path}/")));
    paths
}

/// Whether `path` stands in the line as the beginning of an absolute path, not inside a longer one.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && !"_-.)}>*:$/".contains(c))
    })
}

/// Says which links of the documents, and which paths named in them, lead to no file.
pub(crate) fn dead_links(files: &[PathBuf]) -> Vec<String> {
    let mut dead = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(file).unwrap();
        let beside = file.parent().unwrap();
        for target in linked(&text) {
            if !beside.join(&target).exists() {
                dead.push(format!("{}: [{target}]", file.display()));
            }
        }
        let top = top_of(file, files);
        for named in quoted_paths(&text) {
            if !top.join(&named).exists() && !beside.join(&named).exists() {
                dead.push(format!("{}: `{named}`", file.display()));
            }
        }
    }
    dead
}

/// The directory that every tracked path starts from.
fn top_of(file: &Path, files: &[PathBuf]) -> PathBuf {
    let shortest = files.iter().min_by_key(|path| path.iter().count()).unwrap_or(&file.to_path_buf()).clone();
    shortest.parent().map(Path::to_path_buf).unwrap_or_default()
}

fn linked(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or(target));
    files.filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' ')).map(str::to_owned).collect()
}

/// Paths between back quotes that lie in folders of this repository.
fn quoted_paths(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let ours = ["docs/", "config/", "tests/", "deploy/", "benches/", ".ci/"];
    quoted
        .filter(|path| ours.iter().any(|folder| path.starts_with(folder)))
        .filter(|path| !path.contains(['*', '{', ' ', '<', '…']))
        .map(str::to_owned)
        .collect()
}

/// Tests that a document names as `file: name`.
pub(crate) fn tests_named(text: &str) -> Vec<(String, String)> {
    let quoted = text.split('`').skip(1).step_by(2);
    let pairs = quoted.filter_map(|words| words.split_once(": ")).filter(|(file, _)| file.starts_with("tests/"));
    pairs.map(|(file, name)| (file.to_owned(), name.to_owned())).collect()
}
