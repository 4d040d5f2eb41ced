use super::error::ConfigError;
use super::raw::Raw;
use std::collections::BTreeMap;
use toml::{Table, Value};

const PREFIX: &str = "HOZON__";

/// Puts `HOZON__SECTION__KEY` variables over what the file says.
pub(super) fn overlay(mut raw: Raw, variables: impl Iterator<Item = (String, String)>) -> Result<Raw, ConfigError> {
    let mut left: BTreeMap<Vec<String>, Vec<Variable>> = BTreeMap::new();
    for (name, text) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        let variable = Variable { keys, name, text };
        match with(&raw, std::slice::from_ref(&variable)) {
            Ok(changed) => raw = changed,
            Err(_alone) => left.entry(variable.section().to_vec()).or_default().push(variable),
        }
    }
    // A section that the file lacks is whole only with all of its settings.
    for mut variables in left.into_values() {
        variables.sort_by(|one, other| one.name.cmp(&other.name));
        raw = with(&raw, &variables).map_err(|reason| {
            let names: Vec<&str> = variables.iter().map(|variable| variable.name.as_str()).collect();
            ConfigError::Environment { name: names.join(", "), reason }
        })?;
    }
    Ok(raw)
}

struct Variable {
    name: String,
    keys: Vec<String>,
    text: String,
}

impl Variable {
    fn section(&self) -> &[String] {
        self.keys.split_last().map_or(&[], |(_, section)| section)
    }
}

fn with(raw: &Raw, variables: &[Variable]) -> Result<Raw, String> {
    // `2024` may be a number or a text: only the setting knows.
    let as_text = |text: &str| Value::String(text.to_owned());
    with_values(raw, variables, value).or_else(|reason| with_values(raw, variables, as_text).map_err(|_| reason))
}

fn with_values(raw: &Raw, variables: &[Variable], value: impl Fn(&str) -> Value) -> Result<Raw, String> {
    let mut table = Table::try_from(raw).map_err(|error| error.to_string())?;
    for variable in variables {
        if !set(&mut table, &variable.keys, value(&variable.text)) {
            return Err("it names no setting".to_owned());
        }
    }
    table.try_into().map_err(|error: toml::de::Error| error.message().trim().replace('\n', ", "))
}

/// `text` as TOML where it is some, as plain text otherwise.
fn value(text: &str) -> Value {
    let read: Result<Table, _> = format!("value = {text}").parse();
    read.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Whether the path leads to where a setting may stand.
fn set(table: &mut Table, keys: &[String], value: Value) -> bool {
    match keys {
        [] => false,
        [key] => {
            table.insert(key.clone(), value);
            true
        }
        [section, rest @ ..] => match table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(inner) => set(inner, rest, value),
            _ => false,
        },
    }
}
