use super::failure::Failure;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl Output {
    /// Shows one thing: in a table first its field `first`, then the others by name.
    pub(super) fn one(self, thing: &impl Serialize, first: &str) -> Result<(), Failure> {
        self.fields(thing, first, &[])
    }

    /// The same, without the fields `left_out` in a table.
    pub(super) fn fields(self, thing: &impl Serialize, first: &str, left_out: &[&str]) -> Result<(), Failure> {
        let value = serde_json::to_value(thing).map_err(Failure::failed)?;
        match (self, &value) {
            (Self::Table, Value::Object(fields)) => {
                let mut table = plain();
                let (named, others): (Vec<_>, Vec<_>) = fields.iter().partition(|(name, _)| *name == first);
                for (name, field) in named.into_iter().chain(others).filter(|(name, _)| !left_out.contains(&name.as_str())) {
                    table.add_row([name.replace('_', " "), cell(field)]);
                }
                write(&table.trim_fmt())
            }
            _ => write(&serde_json::to_string_pretty(&value).map_err(Failure::failed)?),
        }
    }

    /// Shows several things, as a table with these fields.
    pub(super) fn many(self, things: &impl Serialize, fields: &[&str]) -> Result<(), Failure> {
        let value = serde_json::to_value(things).map_err(Failure::failed)?;
        match (self, &value) {
            (Self::Table, Value::Array(rows)) => {
                let mut table = plain();
                table.set_header(fields.iter().map(|field| heading(field)));
                for row in rows {
                    table.add_row(fields.iter().map(|field| row.pointer(&pointer(field)).map_or_else(|| "-".to_owned(), cell)));
                }
                write(&table.trim_fmt())
            }
            _ => write(&serde_json::to_string_pretty(&value).map_err(Failure::failed)?),
        }
    }
}

/// `subject.bucket` shows as `BUCKET`.
fn heading(field: &str) -> String {
    field.rsplit('.').next().unwrap_or(field).replace('_', " ").to_uppercase()
}

fn pointer(field: &str) -> String {
    format!("/{}", field.replace('.', "/"))
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => shown(text),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => match (fields.get("bucket"), fields.get("rights")) {
            (Some(bucket), Some(rights)) => format!("{}={}", cell(bucket), cell(rights).replace(", ", ",")),
            _ => value.to_string(),
        },
        other => other.to_string(),
    }
}

/// Control characters would let a name that somebody chose speak to the terminal.
fn shown(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Writes a line for whoever reads the results.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        // `hozon … | head` has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_for_people() {
        assert_eq!(cell(&json!(null)), "-");
        assert_eq!(cell(&json!(["a", "b"])), "a, b");
        assert_eq!(cell(&json!([{"bucket": "karte", "rights": ["read", "list"]}])), "karte=read,list");
        assert_eq!(cell(&json!("a\u{1b}[31m")), "a\u{fffd}[31m");
    }
}
