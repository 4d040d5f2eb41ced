use super::error::ConfigError;
use super::raw::Raw;
use toml::{Table, Value};

const PREFIX: &str = "HOZON__";

/// Puts `HOZON__SECTION__KEY` variables over what the file says.
pub(super) fn overlay(mut raw: Raw, variables: impl Iterator<Item = (String, String)>) -> Result<Raw, ConfigError> {
    for (name, text) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        raw = match with(&raw, &keys, value(&text)) {
            Ok(changed) => changed,
            // `2024` may be a number or a text: only the setting knows.
            Err(reason) => with(&raw, &keys, Value::String(text)).map_err(|_| ConfigError::Environment { name, reason })?,
        };
    }
    Ok(raw)
}

fn with(raw: &Raw, keys: &[String], value: Value) -> Result<Raw, String> {
    let mut table = Table::try_from(raw).map_err(|error| error.to_string())?;
    if !set(&mut table, keys, value) {
        return Err("it names no setting".to_owned());
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
