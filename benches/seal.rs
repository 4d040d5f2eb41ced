//! Sealing and opening of bodies by either library, beside a copy of the same bytes, and of short things.
//!
//! Counts the thread's processor time, so that the figures stay comparable on a busy machine.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use bytes::Bytes;
use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hozon::domain::{BucketId, ByteRange, EntryId, TenantId, VersionId, limits};
use hozon::seal::layout::{CHUNK_BYTES, Cut, FrameLengths};
use hozon::seal::{
    Aead, Context, FreshDataKey, KeyUse, MasterKey, OpenedDataKey, Opener, PlaceOfVersion, PlainPool, Plaintext, SealedChunks, SealedEnd,
    Sealer,
};
use std::hint::black_box;
use std::time::Duration;
use zeroize::Zeroizing;

const SEGMENT_BYTES: usize = limits::SEGMENT_CHUNKS * CHUNK_BYTES;
const BODIES: [usize; 3] = [4 << 10, 256 << 10, 16 << 20];

/// Processor time of this thread. The kernel brings it up to date at each of its ticks, so only long runs count.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn measure<O>(bencher: &mut Bencher<'_>, mut routine: impl FnMut() -> O) {
    bencher.iter_custom(|times| {
        let start = on_processor();
        (0..times).for_each(|_| drop(black_box(routine())));
        // Never zero, which criterion could not divide by.
        (on_processor() - start).max(Duration::from_nanos(1))
    });
}

fn place() -> PlaceOfVersion {
    PlaceOfVersion { tenant: TenantId::random(), bucket: BucketId::random(), version: VersionId::random() }
}

/// As a client's connection gives it: pieces of 64 KiB.
fn pieces(length: usize) -> Vec<Bytes> {
    let body = Bytes::from(vec![0x5a; length]);
    (0..length).step_by(64 << 10).map(|at| body.slice(at..length.min(at + (64 << 10)))).collect()
}

fn seal(key: &FreshDataKey, pieces: &[Bytes], aead: Aead, mut store: impl FnMut(Bytes)) -> SealedEnd {
    let mut sealer = Sealer::new(key.part(), aead).unwrap();
    for piece in pieces {
        sealer.push(&Plaintext::from_client(piece.clone())).unwrap();
        while let Some(segment) = sealer.take() {
            store(segment.into_bytes());
        }
    }
    let (rest, end) = sealer.finish(None).unwrap();
    rest.into_iter().for_each(|segment| store(segment.into_bytes()));
    end
}

/// One sealed frame in memory, and how it is opened: in runs, as the object service does.
struct Sealed {
    frame: Vec<u8>,
    end: SealedEnd,
    key: OpenedDataKey,
    runs: Vec<Cut>,
}

impl Sealed {
    fn new(length: usize) -> Self {
        let (place, bytes) = (place(), [7; 32]);
        let mut frame = Vec::new();
        let key = FreshDataKey::readopt(place, Zeroizing::new(bytes));
        let end = seal(&key, &pieces(length), Aead::AwsLc, |segment| frame.extend_from_slice(&segment));
        let lengths = FrameLengths { stream: end.stream_length(), manifest: 0 };
        let cut = lengths.cut(ByteRange::whole(end.plain_length())).unwrap();
        let runs = cut.runs(limits::SEGMENT_CHUNKS as u64).collect();
        Self { frame, end, key: OpenedDataKey::adopt(place, Zeroizing::new(bytes)), runs }
    }

    fn part(&self, range: std::ops::Range<u64>) -> SealedChunks<'_> {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        SealedChunks::from_store(self.frame.get(range).unwrap())
    }

    fn open(&self, aead: Aead, pool: &PlainPool) {
        let start = self.part(0..136);
        let opener = Opener::new(&self.key, self.end.attempt(), &start, self.end.stream_length(), aead).unwrap();
        for run in &self.runs {
            let plain = opener.open_cut(run, &self.part(run.sealed.clone()), pool).unwrap();
            black_box(plain.release());
        }
    }
}

fn bodies(criterion: &mut Criterion) {
    let pool = PlainPool::new(2, SEGMENT_BYTES);
    for length in BODIES {
        let mut group = criterion.benchmark_group(format!("body of {} KiB", length >> 10));
        group.throughput(Throughput::Bytes(length as u64));
        let pieces = pieces(length);
        let mut target = vec![0; SEGMENT_BYTES];
        group.bench_function("copy", |bencher| {
            measure(bencher, || {
                for piece in &pieces {
                    target.get_mut(..piece.len()).unwrap().copy_from_slice(piece);
                    black_box(&mut target);
                }
            });
        });
        let key = FreshDataKey::readopt(place(), Zeroizing::new([7; 32]));
        let sealed = Sealed::new(length);
        for aead in Aead::ALL {
            group.bench_function(BenchmarkId::new("seal", aead.name()), |bencher| {
                measure(bencher, || seal(&key, &pieces, aead, |segment| drop(black_box(segment))));
            });
            group.bench_function(BenchmarkId::new("open", aead.name()), |bencher| measure(bencher, || sealed.open(aead, &pool)));
        }
    }
}

/// What giving a buffer back wiped costs, to be held against opening the same bytes.
fn wiping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wipe of 256 KiB");
    group.throughput(Throughput::Bytes(SEGMENT_BYTES as u64));
    let mut buffer = vec![0x5a; SEGMENT_BYTES];
    group.bench_function("fill", |bencher| measure(bencher, || black_box(&mut buffer).fill(0)));
    group.bench_function("zeroize", |bencher| measure(bencher, || zeroize::Zeroize::zeroize(black_box(&mut buffer).as_mut_slice())));
}

fn short_things(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("short");
    let master = MasterKey::generate().unwrap();
    let (key, context) = (master.derive(KeyUse::SealAttributes), Context::probe());
    let attributes = vec![0x5a; 400];
    let sealed = key.seal(&context, &attributes).unwrap();
    group.bench_function("seal 400 bytes", |bencher| measure(bencher, || key.seal(&context, &attributes).unwrap()));
    group.bench_function("open 400 bytes", |bencher| measure(bencher, || key.open(&context, &sealed).unwrap()));
    let wrapped = key.seal(&context, &[7; 32]).unwrap();
    group.bench_function("rewrap a key", |bencher| {
        measure(bencher, || key.seal(&context, key.open_key(&context, &wrapped).unwrap().as_slice()).unwrap());
    });
    group.bench_function("derive a key", |bencher| measure(bencher, || master.derive(KeyUse::RowMac)));
    group.bench_function("mac 500 bytes", |bencher| measure(bencher, || key.mac(&[b"versions", &attributes, &[0; 100]])));
    let (bucket, directory, entry) = (BucketId::random(), [3; 32], EntryId::random());
    let names = master.derive(KeyUse::SealName { bucket, directory }).name_key();
    let name = names.seal_name(bucket, &directory, entry, "20231114-000123-chest-pa.dcm").unwrap();
    group.bench_function("open a name", |bencher| measure(bencher, || names.open_name(bucket, &directory, entry, &name).unwrap()));
}

fn settings() -> Criterion {
    Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = settings();
    targets = bodies, wiping, short_things
}
criterion_main!(benches);
