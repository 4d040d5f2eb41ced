//! Who is in the demo, and what each may do.

use crate::domain::{Grant, PrincipalKind, Profile, Purpose, Right};

/// One of the demo's people.
pub(super) struct DemoPerson {
    /// The name in `demo.json` and in the log.
    pub name: &'static str,
    /// Which hospital.
    pub tenant: &'static str,
    /// Person or app.
    pub kind: PrincipalKind,
    /// What the hospital knows.
    pub profile: Profile,
}

/// The bucket of medical records.
pub(super) const RECORDS_BUCKET: &str = "karte";
/// The ordinary bucket.
pub(super) const PLAIN_BUCKET: &str = "files";
/// The hospital that the demo is about.
pub(super) const HOSPITAL: &str = "demo-hospital";
/// The hospital whose people see nothing of it.
pub(super) const OTHER_HOSPITAL: &str = "other-hospital";

const WRITER: [Right; 6] = [Right::Read, Right::List, Right::WriteDraft, Right::Finalize, Right::Amend, Right::DeleteDraft];
const READER: [Right; 2] = [Right::Read, Right::List];
const FILER: [Right; 4] = [Right::Read, Right::List, Right::WriteDraft, Right::DeleteDraft];
const APP: [Right; 7] =
    [Right::Read, Right::List, Right::WriteDraft, Right::Finalize, Right::Amend, Right::DeleteDraft, Right::ManageBucket];

/// Everyone in the demo.
pub(super) fn people() -> Vec<DemoPerson> {
    let grant = |bucket: &str, rights: &[Right]| Grant { bucket: bucket.to_owned(), rights: rights.to_vec() };
    let person = |name, tenant, display_name: &str, job_type: &str, grants: Vec<Grant>| DemoPerson {
        name,
        tenant,
        kind: PrincipalKind::Person,
        profile: Profile {
            display_name: display_name.to_owned(),
            job_types: vec![job_type.to_owned()],
            departments: vec!["internal-medicine".to_owned()],
            care_teams: Vec::new(),
            patient_scope: Vec::new(),
            default_purpose: Some(if matches!(job_type, "auditor" | "health_info_manager") {
                Purpose::Operations
            } else {
                Purpose::Treatment
            }),
            grants,
        },
    };
    let mut app = person("app", HOSPITAL, "Demo EHR", "system", vec![grant("*", &APP)]);
    app.kind = PrincipalKind::App;
    vec![
        person("physician", HOSPITAL, "佐藤 医師", "physician", vec![grant(RECORDS_BUCKET, &WRITER)]),
        person("nurse", HOSPITAL, "鈴木 看護師", "nurse", vec![grant(RECORDS_BUCKET, &READER)]),
        person("clerk", HOSPITAL, "高橋 事務", "admin_office", vec![grant(PLAIN_BUCKET, &FILER)]),
        person("auditor", HOSPITAL, "田中 監査", "auditor", vec![grant("*", &[Right::ReadAudit])]),
        app,
        person("administrator", HOSPITAL, "山本 管理者", "health_info_manager", vec![grant("*", &[Right::ManagePolicy])]),
        person("deputy", HOSPITAL, "中村 副管理者", "health_info_manager", vec![grant("*", &[Right::ManagePolicy])]),
        person("other-physician", OTHER_HOSPITAL, "伊藤 医師", "physician", vec![grant(RECORDS_BUCKET, &WRITER)]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_the_people_that_its_file_promises() {
        let names: Vec<_> = people().iter().map(|person| person.name).collect();
        assert_eq!(names, ["physician", "nurse", "clerk", "auditor", "app", "administrator", "deputy", "other-physician"]);
        assert!(
            people().iter().all(|person| person.kind == PrincipalKind::App
                || person.profile.grants.iter().all(|g| !g.rights.contains(&Right::ManageBucket)))
        );
    }
}
