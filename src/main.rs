//! The `hozon` program.

fn main() {}
