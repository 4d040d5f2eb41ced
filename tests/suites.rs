//! What hozon promises, attacked from outside: each suite is a script in `tests/interop`.
//!
//! They need programs that cargo does not install and minutes of time, so a plain `cargo test` leaves them out;
//! `.ci/run` runs all.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]
#![expect(dead_code, reason = "every suite uses another part of the demo's driver")]

#[path = "support/demo.rs"]
mod demo;

use demo::{Demo, passes_alone};

#[test]
#[ignore = "needs python3 with boto3"]
fn random_operations_agree_with_a_dictionary() {
    Demo::start().passes("model.py");
}

#[test]
#[ignore = "needs python3 with boto3"]
fn two_hospitals_do_not_exist_for_each_other() {
    Demo::start().passes("two_tenants.py");
}

#[test]
#[ignore = "needs python3 with boto3"]
fn nothing_readable_is_left_behind() {
    passes_alone("leak.py");
}

#[test]
#[ignore = "needs python3 with boto3, and curl"]
fn tampering_is_noticed_before_it_is_served() {
    passes_alone("tamper.py");
}

#[test]
#[ignore = "needs python3 with boto3, a C compiler, and root for a small disk"]
fn acknowledged_means_durable() {
    passes_alone("crash.py");
}

#[test]
#[ignore = "needs python3 with boto3, and a C compiler"]
fn a_power_cut_at_any_step_loses_nothing_acknowledged() {
    passes_alone("powercut.py");
}

#[test]
#[ignore = "needs python3 with boto3, curl, and 3 GiB of disk"]
fn memory_stays_flat() {
    passes_alone("memory.py");
}

#[test]
#[ignore = "needs python3 with boto3"]
fn a_lost_index_comes_back_from_its_backup() {
    passes_alone("backup.py");
}

#[test]
#[ignore = "needs python3 with boto3"]
fn an_index_and_bodies_move_to_another_place() {
    passes_alone("migrate.py");
}
