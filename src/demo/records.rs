//! Synthetic records of real kinds, made here. Nobody in them exists.

/// One record of the demo.
pub(super) struct DemoRecord {
    /// Its key in the bucket `karte`.
    pub key: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// The patient it is about.
    pub patient: &'static str,
    /// Its record class.
    pub class: &'static str,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// The demo's records: an image, a letter, a bundle, a message and a table.
pub(super) fn records() -> Vec<DemoRecord> {
    let record = |key, content_type, patient, class, body| DemoRecord { key, content_type, patient, class, body };
    vec![
        record("patients/0001234/ct/slice-001.dcm", "application/dicom", "0001234", "image.xray", dicom()),
        record("patients/0001234/letters/referral.pdf", "application/pdf", "0001234", "summary.referral", pdf()),
        record("patients/0001234/fhir/bundle.json", "application/fhir+json", "0001234", "chart.medical", FHIR.into()),
        record("patients/0005678/hl7/admit.hl7", "x-application/hl7-v2+er7", "0005678", "hospital.misc", HL7.into()),
        record("patients/0005678/lab/2026-11-01.csv", "text/csv; charset=utf-8", "0005678", "hospital.misc", LAB.into()),
    ]
}

const FHIR: &str = r#"{
  "resourceType": "Bundle",
  "type": "collection",
  "entry": [
    {"resource": {"resourceType": "Patient", "id": "p1", "identifier": [{"value": "0001234"}],
      "name": [{"text": "見本 花子"}], "gender": "female", "birthDate": "1970-01-01"}},
    {"resource": {"resourceType": "Observation", "id": "o1", "status": "final",
      "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolic blood pressure"}]},
      "subject": {"reference": "Patient/p1"}, "valueQuantity": {"value": 128, "unit": "mm[Hg]"}}}
  ]
}
"#;

const HL7: &str = "MSH|^~\\&|RECEPTION|DEMO|HOZON|DEMO|20261101090000||ADT^A01^ADT_A01|0001|P|2.5\r\
EVN|A01|20261101090000\r\
PID|1||0005678^^^DEMO^PI||見本^太郎||19650505|M\r\
PV1|1|I|3W^301^1\r";

const LAB: &str = "patient_id,collected,code,name,value,unit\n\
0005678,2026-11-01T08:10:00+09:00,3A015,アルブミン,4.1,g/dL\n\
0005678,2026-11-01T08:10:00+09:00,3C015,クレアチニン,0.82,mg/dL\n\
0005678,2026-11-01T08:10:00+09:00,3D010,血糖,97,mg/dL\n";

/// A DICOM file (PS3.10, explicit VR little endian): secondary capture of a 64 × 64 disc.
fn dicom() -> Vec<u8> {
    const SIDE: u16 = 64;
    let class_uid = "1.2.840.10008.5.1.4.1.1.7";
    let instance_uid = "2.25.119201133820371823744238171";
    let mut meta = Vec::new();
    element(&mut meta, (0x0002, 0x0001), *b"OB", &[0, 1]);
    element(&mut meta, (0x0002, 0x0002), *b"UI", class_uid.as_bytes());
    element(&mut meta, (0x0002, 0x0003), *b"UI", instance_uid.as_bytes());
    element(&mut meta, (0x0002, 0x0010), *b"UI", b"1.2.840.10008.1.2.1");
    element(&mut meta, (0x0002, 0x0012), *b"UI", b"2.25.88120030155119");

    let mut file = vec![0; 128];
    file.extend_from_slice(b"DICM");
    let meta_bytes = u32::try_from(meta.len()).unwrap_or(0);
    element(&mut file, (0x0002, 0x0000), *b"UL", &meta_bytes.to_le_bytes());
    file.extend_from_slice(&meta);
    element(&mut file, (0x0008, 0x0016), *b"UI", class_uid.as_bytes());
    element(&mut file, (0x0008, 0x0018), *b"UI", instance_uid.as_bytes());
    element(&mut file, (0x0008, 0x0060), *b"CS", b"OT");
    element(&mut file, (0x0010, 0x0010), *b"PN", b"MIHON^HANAKO");
    element(&mut file, (0x0010, 0x0020), *b"LO", b"0001234");
    element(&mut file, (0x0020, 0x000d), *b"UI", b"2.25.41");
    element(&mut file, (0x0020, 0x000e), *b"UI", b"2.25.42");
    for (tag, value) in [(0x0002, 1), (0x0010, SIDE), (0x0011, SIDE), (0x0100, 8), (0x0101, 8), (0x0102, 7), (0x0103, 0)] {
        if tag == 0x0010 {
            element(&mut file, (0x0028, 0x0004), *b"CS", b"MONOCHROME2");
        }
        element(&mut file, (0x0028, tag), *b"US", &u16::to_le_bytes(value));
    }
    let middle = i32::from(SIDE) / 2;
    let inside = |x: i32, y: i32| (x - middle).pow(2) + (y - middle).pow(2) < (middle - 4).pow(2);
    let pixels: Vec<u8> =
        (0..i32::from(SIDE)).flat_map(|y| (0..i32::from(SIDE)).map(move |x| if inside(x, y) { 200 } else { 20 })).collect();
    element(&mut file, (0x7fe0, 0x0010), *b"OB", &pixels);
    file
}

/// Appends one data element; odd values are padded as their kind demands.
fn element(out: &mut Vec<u8>, (group, number): (u16, u16), kind: [u8; 2], value: &[u8]) {
    let padding = (value.len() % 2 == 1).then_some(if matches!(&kind, b"UI" | b"OB") { 0 } else { b' ' });
    let length = value.len() + usize::from(padding.is_some());
    out.extend_from_slice(&group.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&kind);
    if &kind == b"OB" {
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&u32::try_from(length).unwrap_or(0).to_le_bytes());
    } else {
        out.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_le_bytes());
    }
    out.extend_from_slice(value);
    out.extend(padding);
}

/// A one-page PDF letter with a correct cross-reference table.
fn pdf() -> Vec<u8> {
    let text = "BT /F1 14 Tf 72 760 Td (Referral letter - demo record, nobody in it exists) Tj ET";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut out = String::from("%PDF-1.4\n");
    let mut table = String::from("0000000000 65535 f \n");
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let start = out.len();
    out.push_str(&format!("xref\n0 {0}\n{table}trailer\n<< /Size {0} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1));
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_shape_of_their_kinds() {
        let all = records();
        let body = |end: &str| all.iter().find(|record| record.key.ends_with(end)).unwrap().body.clone();
        assert_eq!(&body(".dcm")[128..132], b"DICM");
        assert!(body(".pdf").starts_with(b"%PDF-1.4"));
        assert!(serde_json::from_slice::<serde_json::Value>(&body(".json")).unwrap()["entry"].is_array());
        assert!(body(".hl7").split(|b| *b == b'\r').all(|line| line.is_empty() || line[3] == b'|'));
    }
}
