//! A whole pass of the scrub beside the plain CRC64NVME of as many bytes in memory, and beside a loop that opens, reads and
//! sums the same files one after another: what the store can.
//!
//! The store lies in `/dev/shm` where there is one, so that no disk is measured: a pass drops what the page cache has of a
//! file on a disk. Processor time is that of the whole process, so that the figure is one for each core.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench may fail loudly, and prints what it found"
)]

#[path = "../tests/scrub/house.rs"]
#[expect(dead_code, reason = "shared with the tests of the scrub, which use all of it")]
mod house;
#[path = "../tests/engine/rows.rs"]
#[expect(dead_code, reason = "the engine's suite uses the others")]
mod rows;

use house::{FAST, House};
use hozon::domain::{Clock, ManualClock, SystemClock};
use hozon::engine::{SqliteEngine, SqliteSettings};
use hozon::upkeep::{ScrubBounds, Turn};
use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        plain(8 << 20, 128);
        pass("64 bodies of 16 MiB", 64, 16 << 20).await;
        pass("512 bodies of 1 MiB", 512, 1 << 20).await;
        pass("4,000 bodies of 64 KiB", 4_000, 64 << 10).await;
        pass("10,000 bodies of 16 KiB", 10_000, 16 << 10).await;
    });
}

fn plain(bytes: usize, times: u64) {
    let body = vec![7_u8; bytes];
    let (began, before) = (Instant::now(), on_processors());
    for _time in 0..times {
        black_box(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, black_box(&body)));
    }
    row("plain CRC64NVME", bytes as u64 * times, 1, began.elapsed(), on_processors() - before);
}

async fn pass(what: &str, count: usize, bytes: usize) {
    let shm = Path::new("/dev/shm");
    let directory = if shm.is_dir() { tempfile::tempdir_in(shm).unwrap() } else { tempfile::tempdir().unwrap() };
    let settings = SqliteSettings { path: directory.path().join("index.db"), readers: 2 };
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let engine = Arc::new(SqliteEngine::open(&settings, clock.clone()).unwrap());
    let house = House::over(engine, clock, directory).await;
    let (_, all) = house.put_many(count, bytes).await;
    by_hand(&house, all, count as u64);
    let node = house.node(FAST, ScrubBounds::default());
    let (began, before) = (Instant::now(), on_processors());
    assert_eq!(node.turn().await, Turn::Full);
    let (took, worked) = (began.elapsed(), on_processors() - before);
    assert_eq!(node.scrub.status().await.unwrap().pass.damaged(), 0);
    row(what, all, count as u64, took, worked);
}

fn by_hand(house: &House, all: u64, frames: u64) {
    let files = walkdir::WalkDir::new(house.directory.path().join("blobs")).into_iter().map(Result::unwrap);
    let files: Vec<_> = files.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect();
    let mut buffer = vec![0; 512 << 10];
    let (began, before) = (Instant::now(), on_processors());
    for path in &files {
        let mut file = std::fs::File::open(path).unwrap();
        let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
        loop {
            let length = file.read(&mut buffer).unwrap();
            if length == 0 {
                break;
            }
            crc.update(&buffer[..length]);
        }
        black_box(crc.finalize());
    }
    row("  the files by hand", all, frames, began.elapsed(), on_processors() - before);
}

/// Processor time of this process, in ticks of a hundredth of a second.
fn on_processors() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn row(what: &str, bytes: u64, frames: u64, took: Duration, worked: Duration) {
    let gib = bytes as f64 / f64::from(1 << 30);
    let worked = worked.as_secs_f64().max(0.01);
    println!(
        "{what:<24} {:>6.2} GiB/s  {:>6.2} GiB/s and core  {:>8.0} frames/s",
        gib / took.as_secs_f64(),
        gib / worked,
        frames as f64 / took.as_secs_f64()
    );
}
