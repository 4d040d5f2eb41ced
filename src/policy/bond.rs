use super::question::{Bond, Care, Glass, Scope, Shield};
use crate::access::Book;
use crate::domain::{CareLimited, PatientId, UtcTime};
use crate::identity::Principal;

/// How a principal stands to a patient, by what its tenant has laid down (AC-03, BG-04).
pub(super) fn to_patient(book: &Book, who: &Principal, patient: Option<&PatientId>, now: UtcTime) -> Bond {
    let limits = &who.profile().patient_scope;
    let is_within = limits.is_empty() || patient.is_some_and(|patient| limits.contains(patient));
    let scope = if is_within { Scope::Within } else { Scope::Beyond };
    let Some(patient) = patient else { return Bond { scope, ..Bond::default() } };
    let rule = book.patient(patient);
    let names = |listed: &[String]| {
        let id = who.id().to_string();
        let teams = &who.profile().care_teams;
        listed.iter().any(|name| name == who.name() || *name == id || teams.contains(name))
    };
    let cares = rule.is_some_and(|rule| {
        names(&rule.care_team) || rule.departments.iter().any(|department| who.profile().departments.contains(department))
    });
    let has_team = rule.is_some_and(|rule| !rule.care_team.is_empty() || !rule.departments.is_empty());
    let care = match book.care() {
        CareLimited::Nobody => Care::Open,
        CareLimited::Known if !has_team => Care::Open,
        CareLimited::Known | CareLimited::Everybody if cares => Care::Inside,
        CareLimited::Known | CareLimited::Everybody => Care::Outside,
    };
    let shield = match rule.filter(|rule| rule.restricted) {
        None => Shield::None,
        Some(rule) if names(&rule.named) => Shield::Named,
        Some(_) => Shield::Restricted,
    };
    let glass = glass(book, who, now, |of| of == patient);
    Bond { care, shield, glass, scope }
}

/// How a principal stands to the patients of a bucket: somebody who has broken the glass may look for what they need.
pub(super) fn to_bucket(book: &Book, who: &Principal, now: UtcTime) -> Bond {
    Bond { glass: glass(book, who, now, |_| true), ..Bond::default() }
}

fn glass(book: &Book, who: &Principal, now: UtcTime, fits: impl Fn(&PatientId) -> bool) -> Glass {
    let mut open = book.glasses().filter(|glass| glass.until > now && fits(&glass.patient));
    if open.any(|glass| glass.by == who.id().to_string()) { Glass::Broken } else { Glass::Whole }
}
