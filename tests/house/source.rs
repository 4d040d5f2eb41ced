//! One source file, read and parsed.

use std::fs;
use std::path::{Path, PathBuf};

/// This is a file of Rust with what the rules ask about it.
pub(crate) struct Source {
    /// Where it lies, for messages.
    pub(crate) path: PathBuf,
    /// The top-level module that it belongs to.
    pub(crate) home: String,
    /// Whether it is that module's own file, right under `src`.
    pub(crate) is_top: bool,
    /// Its own name, without `.rs`.
    pub(crate) name: String,
    /// Its lines before the inline tests.
    pub(crate) lines: usize,
    /// The lines of its inline tests.
    pub(crate) test_lines: usize,
    /// Its syntax.
    pub(crate) syntax: syn::File,
}

impl Source {
    /// Reads every file of Rust under `root`, files of tests left out.
    pub(crate) fn all_under(root: &Path) -> Vec<Self> {
        let mut sources: Vec<Self> = walkdir::WalkDir::new(root)
            .into_iter()
            .map(Result::unwrap)
            .map(walkdir::DirEntry::into_path)
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .filter(|path| !is_test_file(path))
            .map(|path| Self::read(root, path))
            .collect();
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        sources
    }

    fn read(root: &Path, path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let inside = path.strip_prefix(root).unwrap();
        let home = inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        let is_top = inside.iter().count() == 1;
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
        let test_lines = text.lines().count() - lines;
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, home, is_top, name, lines, test_lines, syntax }
    }
}

/// Unit tests too long to stand in their file lie beside it, as `tests.rs` or `…_tests.rs`.
fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|name| name == "tests" || name.to_string_lossy().ends_with("_tests"))
}
