//! Patients in a FHIR document (R4, JSON).

use serde_json::Value;
use std::collections::BTreeMap;

/// How deep bundles in bundles are looked into.
const DEPTH_MAX: usize = 8;

/// For each patient that the document is about, all the names it has for them.
pub(super) fn patients(document: &[u8]) -> Vec<Vec<String>> {
    let Ok(document) = serde_json::from_slice::<Value>(document) else { return Vec::new() };
    let (mut known, mut about) = (BTreeMap::new(), Vec::new());
    collect(&document, DEPTH_MAX, (&mut known, &mut about));
    let mut all: Vec<Vec<String>> = known.values().cloned().collect();
    for names in about {
        let of_known = names.iter().find_map(|name| known.get(name));
        all.push(of_known.cloned().unwrap_or(names));
    }
    all
}

/// Patients that stand in the document itself, by id, and whom its resources are about.
type Found<'a> = (&'a mut BTreeMap<String, Vec<String>>, &'a mut Vec<Vec<String>>);

fn collect(resource: &Value, depth: usize, (known, about): Found<'_>) {
    match resource.get("resourceType").and_then(Value::as_str) {
        Some("Bundle") if depth > 0 => {
            for entry in resource.get("entry").and_then(Value::as_array).into_iter().flatten() {
                if let Some(inner) = entry.get("resource") {
                    collect(inner, depth - 1, (known, about));
                }
            }
        }
        Some("Patient") => {
            let id = resource.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let identifiers = resource.get("identifier").and_then(Value::as_array).into_iter().flatten();
            let mut names: Vec<String> = identifiers.filter_map(value_of).collect();
            names.push(id.clone());
            known.insert(id, names);
        }
        Some(_) => {
            for member in ["subject", "patient"] {
                about.extend(resource.get(member).map(referenced).filter(|names| !names.is_empty()));
            }
        }
        None => {}
    }
}

fn value_of(identifier: &Value) -> Option<String> {
    Some(identifier.get("value")?.as_str()?.trim().to_owned())
}

/// The names in a reference to a patient; none for one to something else.
fn referenced(reference: &Value) -> Vec<String> {
    let text = reference.get("reference").and_then(Value::as_str).unwrap_or_default();
    let mut segments = text.split('/').skip_while(|segment| *segment != "Patient");
    let id = segments.nth(1).filter(|id| !id.is_empty());
    let is_of_patient = id.is_some() || text.is_empty();
    let identifier = reference.get("identifier").and_then(value_of).filter(|_| is_of_patient);
    id.map(str::to_owned).into_iter().chain(identifier).collect()
}
