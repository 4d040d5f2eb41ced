//! The `hozon` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    hozon::cli::run(std::env::args_os())
}
