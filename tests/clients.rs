//! Real S3 clients against a demo, each by its script in `tests/interop`.
//!
//! They need programs that cargo does not install, so a plain `cargo test` leaves them out; `.ci/run` installs
//! them and runs all.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]
#![expect(dead_code, reason = "every suite uses another part of the demo's driver")]

#[path = "support/demo.rs"]
mod demo;

use demo::Demo;

#[test]
#[ignore = "needs python3 with boto3"]
fn boto3_reads_and_writes_objects() {
    Demo::start().passes("boto3_objects.py");
}

#[test]
#[ignore = "needs python3 with boto3"]
fn boto3_keeps_buckets_and_versions_and_lists_them() {
    Demo::start().passes("boto3_buckets.py");
}

#[test]
#[ignore = "needs python3 with boto3 and cryptography, the AWS CLI, and curl"]
fn people_of_an_identity_provider_come_in_by_their_own_sdk() {
    Demo::start().passes("web_identity.py");
}

#[test]
#[ignore = "needs python3 with boto3"]
fn boto3_uploads_in_parts() {
    Demo::start().passes("boto3_multipart.py");
}

#[test]
#[ignore = "needs python3 with boto3"]
fn wrong_requests_are_refused_on_every_operation() {
    Demo::start().passes("refusals.py");
}

#[test]
#[ignore = "needs the AWS CLI, both generations, named in AWS_CLIS"]
fn both_generations_of_the_aws_cli_work() {
    Demo::start().passes("aws_cli.py");
}

#[test]
#[ignore = "needs rclone"]
fn rclone_works() {
    Demo::start().passes("rclone.py");
}

#[test]
#[ignore = "needs s5cmd"]
fn s5cmd_works() {
    Demo::start().passes("s5cmd.py");
}

#[test]
#[ignore = "needs s3cmd"]
fn s3cmd_works() {
    Demo::start().passes("s3cmd.py");
}

#[test]
#[ignore = "needs curl and python3 with boto3"]
fn curl_works_over_both_protocols() {
    Demo::start().passes("curl.py");
}
