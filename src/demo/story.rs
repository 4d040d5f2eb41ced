//! What the demo prints: where it is, and commands to paste.

use super::file::DemoKeys;
use super::people::{PLAIN_BUCKET, RECORDS_BUCKET};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// What the story is told about.
pub(super) struct Story<'a> {
    pub endpoint: &'a str,
    pub region: &'a str,
    pub dir: &'a Path,
    pub ca: &'a Path,
    pub program: &'a Path,
    pub people: &'a BTreeMap<String, DemoKeys>,
}

/// A record of the demo that the commands use.
const RECORD: &str = "patients/0001234/letters/referral.pdf";

impl Story<'_> {
    /// The whole text.
    pub(super) fn tell(&self) -> String {
        let mut out = String::new();
        let host = self.endpoint.trim_start_matches("https://");
        // Writing to a String cannot fail.
        let _written = writeln!(
            out,
            "\nhozon demo: two hospitals, six people, five records, everything sealed.\n\n\
             \x20 endpoint   {}\n\x20 ca         {}\n\x20 files      {}\n\x20 details    {}\n\n\
             Paste one block at a time into another terminal.\n",
            self.endpoint,
            self.ca.display(),
            self.dir.join("data").display(),
            self.dir.join("demo.json").display(),
        );
        self.curl(&mut out);
        self.aws(&mut out);
        self.rclone(&mut out);
        self.s3cmd(&mut out, host);
        self.s5cmd(&mut out);
        let _written =
            writeln!(out, "Stop with Ctrl-C. `hozon demo` continues where this one ended; delete {} to forget it.", self.dir.display());
        out
    }

    fn keys(&self, person: &str) -> (&str, &str) {
        self.people.get(person).map_or(("", ""), |keys| (keys.access_key.as_str(), keys.secret_key.as_str()))
    }

    fn curl(&self, out: &mut String) {
        let get = |person: &str| {
            let (access, secret) = self.keys(person);
            format!(
                "curl --cacert {} --aws-sigv4 aws:amz:{}:s3 --user '{access}:{secret}' \\\n  -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' {}/{RECORDS_BUCKET}/{RECORD}",
                self.ca.display(),
                self.region,
                self.endpoint
            )
        };
        let _written = writeln!(
            out,
            "# 1. the physician reads a letter: allowed\n{} -o letter.pdf -w '%{{http_code}}\\n'\n\n\
             # 2. the clerk tries the same: refused, and the answer is an S3 error\n{}\n\n\
             # 3. the auditor looks who tried what\n{} audit search --demo {} --limit 10\n\n\
             # what the disk holds of it: nothing readable\ngrep -rac '見本\\|MIHON\\|0001234' {} | grep -v ':0' || echo 'nothing found'\n",
            get("physician"),
            get("clerk"),
            self.program.display(),
            self.dir.display(),
            self.dir.join("data").display(),
        );
    }

    fn aws(&self, out: &mut String) {
        let (access, secret) = self.keys("physician");
        let _written = writeln!(
            out,
            "# AWS CLI and boto3, as the physician\n\
             export AWS_ACCESS_KEY_ID={access} AWS_SECRET_ACCESS_KEY={secret} AWS_DEFAULT_REGION={}\n\
             export AWS_ENDPOINT_URL={} AWS_CA_BUNDLE={}\n\
             aws s3 ls s3://{RECORDS_BUCKET}/ --recursive\n\
             aws s3 cp /etc/hostname s3://{RECORDS_BUCKET}/patients/0001234/note.txt --metadata patient-id=0001234\n",
            self.region,
            self.endpoint,
            self.ca.display(),
        );
    }

    fn rclone(&self, out: &mut String) {
        let (access, secret) = self.keys("app");
        let _written = writeln!(
            out,
            "# rclone, as the app\n\
             export RCLONE_CONFIG_HOZON_TYPE=s3 RCLONE_CONFIG_HOZON_PROVIDER=Other RCLONE_CONFIG_HOZON_ENDPOINT={}\n\
             export RCLONE_CONFIG_HOZON_ACCESS_KEY_ID={access} RCLONE_CONFIG_HOZON_SECRET_ACCESS_KEY={secret} RCLONE_CONFIG_HOZON_REGION={}\n\
             rclone --ca-cert {} ls hozon:{PLAIN_BUCKET}\n",
            self.endpoint,
            self.region,
            self.ca.display(),
        );
    }

    fn s3cmd(&self, out: &mut String, host: &str) {
        let (access, secret) = self.keys("app");
        let _written = writeln!(
            out,
            "# s3cmd, as the app\n\
             s3cmd --access_key={access} --secret_key={secret} --host={host} --host-bucket={host} --region={} --ca-certs={} ls s3://{RECORDS_BUCKET}\n",
            self.region,
            self.ca.display(),
        );
    }

    fn s5cmd(&self, out: &mut String) {
        let (access, secret) = self.keys("app");
        let _written = writeln!(
            out,
            "# s5cmd, as the app\n\
             AWS_ACCESS_KEY_ID={access} AWS_SECRET_ACCESS_KEY={secret} AWS_REGION={} AWS_CA_BUNDLE={} s5cmd --endpoint-url {} ls 's3://{RECORDS_BUCKET}/*'\n",
            self.region,
            self.ca.display(),
            self.endpoint,
        );
    }
}
