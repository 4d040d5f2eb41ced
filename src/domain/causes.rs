//! The chain of causes behind an error, on one line: what an operator reads.

use std::error::Error;

/// The error and everything beneath it, the nearest first, joined by `: `.
pub fn causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut beneath = error.source();
    while let Some(cause) = beneath {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        beneath = cause.source();
    }
    line
}
