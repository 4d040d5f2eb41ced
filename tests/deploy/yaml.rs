//! YAML as the tests read it: with anchors and merge keys put in place, and every absent thing a failure that says where.

use std::fs;
use std::path::Path;
use yaml_rust2::{Yaml, YamlLoader};

/// The one document of a file.
pub(crate) fn document(path: &Path) -> Yaml {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut documents = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(documents.len(), 1, "{} holds one document", path.display());
    merged(documents.remove(0))
}

/// `node` with `<<: *other` replaced by what stands in the other, where it does not say otherwise itself.
fn merged(node: Yaml) -> Yaml {
    match node {
        Yaml::Array(items) => Yaml::Array(items.into_iter().map(merged).collect()),
        Yaml::Hash(mut entries) => {
            let inherited = entries.remove(&Yaml::String("<<".to_owned())).map(merged);
            let mut whole = inherited.map_or_else(yaml_rust2::yaml::Hash::new, |other| other.into_hash().unwrap());
            for (key, value) in entries {
                whole.insert(key, merged(value));
            }
            Yaml::Hash(whole)
        }
        other => other,
    }
}

/// The entries of a mapping, by name.
pub(crate) fn entries(node: &Yaml) -> impl Iterator<Item = (&str, &Yaml)> {
    let entries = node.as_hash().unwrap_or_else(|| panic!("not a mapping: {node:?}"));
    entries.iter().map(|(key, value)| (text(key), value))
}

/// A list of texts; nothing where there is none.
pub(crate) fn texts(node: &Yaml) -> Vec<&str> {
    node.as_vec().map(|items| items.iter().map(text).collect()).unwrap_or_default()
}

/// A text.
pub(crate) fn text(node: &Yaml) -> &str {
    node.as_str().unwrap_or_else(|| panic!("not a text: {node:?}"))
}

#[test]
fn a_merged_mapping_keeps_its_own_word() {
    let read = YamlLoader::load_from_str("a: &a {x: 1, y: 2}\nb: &b {<<: *a, y: 3}\nc: {<<: *b, z: 4}\n").unwrap().remove(0);
    let node = &merged(read)["c"];
    assert_eq!((node["x"].as_i64(), node["y"].as_i64(), node["z"].as_i64()), (Some(1), Some(3), Some(4)));
}
