//! The `hozon` program.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str, default: &str| {
        args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned().unwrap_or_else(|| default.to_owned())
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (dir, listen) = (value("--dir", "./hozon-demo"), value("--listen", "127.0.0.1:9000").parse()?);
    runtime.block_on(hozon::demo::run(Path::new(&dir), listen))?;
    Ok(())
}
