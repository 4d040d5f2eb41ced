//! Backups that were harmed, and stores that fail.

use crate::house::{FAST, House, engine_settings, files, tally};
use futures::StreamExt;
use futures::stream::BoxStream;
use hozon::backup::{BackupError, BackupKeys, Choice, PieceKind, PieceName, Shelf, Target, fill};
use hozon::blob::Archive;
use hozon::domain::{SystemClock, UtcTime};
use hozon::engine::{CopyError, Origin};
use hozon::root::{Protection, Root};
use object_store::Result;
use object_store::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

async fn with_backup() -> House {
    let house = House::new().await;
    let node = house.node(FAST);
    node.caught_up().await;
    for number in 0..3 {
        house.put(&format!("{number}")).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    node.caught_up().await;
    node.stop().await;
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_changed_byte_of_any_piece_is_noticed_and_fills_nothing() {
    let house = with_backup().await;
    let mut tried = 0;
    for file in files(&house.backup(), "") {
        let bytes = std::fs::read(&file).unwrap();
        for at in (0..bytes.len()).step_by(bytes.len() / 40 + 1).chain([bytes.len() - 1]) {
            let mut harmed = bytes.clone();
            harmed[at] ^= 0x10;
            std::fs::write(&file, &harmed).unwrap();
            let restored = house.restored("harmed.db", None).await;
            assert!(restored.is_err(), "byte {at} of {file:?}");
            tried += 1;
        }
        for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&file, &bytes[..length]).unwrap();
            assert!(house.restored("harmed.db", None).await.is_err(), "{length} bytes of {file:?}");
        }
        std::fs::write(&file, [&bytes[..], b"x"].concat()).unwrap();
        let harmed = house.restored("harmed.db", None).await.map(drop).unwrap_err();
        let cause = if let BackupError::Broken { source, .. } = harmed { *source } else { harmed };
        assert!(matches!(cause, BackupError::Malformed { .. }), "{cause}");
        std::fs::write(&file, &bytes).unwrap();
    }
    assert!(tried > 100);
    let (restored, _) = house.restored("harmed.db", None).await.unwrap();
    assert_eq!(tally(&restored).await, tally(&house.engine).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_segment_is_named_and_what_came_before_it_can_be_had() {
    let house = with_backup().await;
    let segments = files(&house.backup(), "/journal/");
    assert!(segments.len() >= 3, "{segments:?}");
    std::fs::remove_file(&segments[1]).unwrap();
    let Err(BackupError::Gap { number: 1, until, next }) = house.restored("gap.db", None).await.map(drop) else { panic!() };
    assert!(segments[2].ends_with(next));
    let (_, filled) = house.restored("before.db", Some(until)).await.unwrap();
    assert_eq!(filled.plan.moment(), until);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_segment_is_named_with_the_moment_up_to_which_the_journal_is_whole() {
    let house = with_backup().await;
    let segments = files(&house.backup(), "/journal/");
    std::fs::write(&segments[1], b"damaged").unwrap();
    let Err(BackupError::Broken { until, source }) = house.restored("broken.db", None).await.map(drop) else { panic!() };
    assert!(matches!(*source, BackupError::Malformed { .. }), "{source}");
    let (_, filled) = house.restored("before.db", Some(until)).await.unwrap();
    assert_eq!(filled.plan.journal.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pieces_that_somebody_else_has_put_there_can_be_left_out() {
    let house = with_backup().await;
    let whole = tally(&house.engine).await;
    let segments = files(&house.backup(), "/journal/");
    let piece = |path: &std::path::Path| PieceName::parse(path.strip_prefix(house.backup()).unwrap().to_str().unwrap()).unwrap();
    let last = piece(segments.last().unwrap());
    let forged = [
        PieceName { token: last.token + 1, ..last },
        PieceName { number: last.number + 9, ..last },
        PieceName { kind: PieceKind::Snapshot, at: UtcTime::from_micros(last.at.micros() + 1), attempt: 77, ..last },
    ];
    for name in &forged {
        std::fs::write(house.backup().join(name.to_string()), b"none of ours").unwrap();
        let result = house.restored(&format!("{}.db", name.token), None).await;
        // A snapshot that cannot be read is passed over anyhow.
        assert_eq!(result.is_err(), name.kind == PieceKind::Journal, "{name}");
        let choice = Choice { without: vec![*name], ..Choice::default() };
        let (restored, _) = house.chosen(&format!("{}-{:?}.db", name.number, name.kind), &choice).await.unwrap();
        assert_eq!(tally(&restored).await, whole, "{name}");
        std::fs::remove_file(house.backup().join(name.to_string())).unwrap();
    }
}

/// A store that answers in pieces, and breaks an answer off that is not taken at once.
#[derive(Debug)]
struct Impatient(object_store::local::LocalFileSystem);

impl std::fmt::Display for Impatient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Impatient")
    }
}

#[async_trait::async_trait]
impl object_store::ObjectStore for Impatient {
    async fn put_opts(
        &self,
        to: &Path,
        payload: object_store::PutPayload,
        opts: object_store::PutOptions,
    ) -> Result<object_store::PutResult> {
        self.0.put_opts(to, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        opts: object_store::PutMultipartOptions,
    ) -> Result<Box<dyn object_store::MultipartUpload>> {
        self.0.put_multipart_opts(to, opts).await
    }

    async fn get_opts(&self, from: &Path, options: object_store::GetOptions) -> Result<object_store::GetResult> {
        let found = self.0.get_opts(from, options).await?;
        let (meta, range, attributes) = (found.meta.clone(), found.range.clone(), found.attributes.clone());
        let (bytes, begun) = (found.bytes().await?, Instant::now());
        let pieces: Vec<_> = (0..bytes.len()).step_by(64 << 10).map(|at| bytes.slice(at..bytes.len().min(at + (64 << 10)))).collect();
        let late = || object_store::Error::Generic { store: "impatient", source: "not taken in time".into() };
        let pieces = futures::stream::iter(pieces)
            .map(move |piece| if begun.elapsed() < Duration::from_millis(500) { Ok(piece) } else { Err(late()) });
        let payload = object_store::GetResultPayload::Stream(pieces.boxed());
        Ok(object_store::GetResult { payload, meta, range, attributes, extensions: object_store::Extensions::default() })
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<object_store::ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<object_store::ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: object_store::CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_fills_slowly_makes_no_answer_of_the_store_late() {
    let house = House::new().await;
    for number in 0..3_000 {
        house.put(&format!("{number}/with a name that takes some room {}", "x".repeat(900))).await;
    }
    let node = house.node(FAST);
    node.caught_up().await;
    for number in 0..40 {
        house.put(&format!("after {number}")).await;
        tokio::time::sleep(Duration::from_millis(8)).await;
    }
    node.caught_up().await;
    node.stop().await;
    let store = Impatient(object_store::local::LocalFileSystem::new_with_prefix(house.backup()).unwrap());
    let shelf = Shelf::new(Archive::over(Arc::new(store), ""), BackupKeys::new(Arc::clone(&house.root)));
    let plan = shelf.plan(&Choice::default()).await.unwrap();
    assert!(plan.journal.len() > 16, "{}", plan.journal.len());
    let (out, mut batches) = tokio::sync::mpsc::channel::<std::result::Result<hozon::engine::Batch, CopyError>>(1);
    let slowly = async {
        let mut taken = 0;
        while let Some(batch) = batches.recv().await {
            batch.unwrap();
            taken += 1;
            if taken < 8 {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
        taken
    };
    let sending = async {
        let sent = plan.send(&shelf, &out).await;
        drop(out);
        sent
    };
    let (sent, taken) = tokio::join!(sending, slowly);
    sent.unwrap();
    assert!(taken > 40, "{taken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_cannot_be_read_is_passed_over_for_an_older_one() {
    let house = with_backup().await;
    let node = house.node(FAST);
    node.caught_up().await;
    node.keeper.ask_for_snapshot().await.unwrap();
    while files(&house.backup(), "/snapshot/").len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    node.stop().await;
    let newest = files(&house.backup(), "/snapshot/").pop().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, &bytes).unwrap();
    let (restored, filled) = house.restored("older.db", None).await.unwrap();
    assert_eq!(filled.passed_over.len(), 1);
    assert_eq!(tally(&restored).await, tally(&house.engine).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_root_opens_nothing() {
    let house = with_backup().await;
    let other = Root::create_file(&house.place.path().join("other-root"), &Protection::FileMode).unwrap();
    let shelf = Shelf::new(house.archive(), BackupKeys::new(Arc::new(other)));
    let settings = engine_settings(house.place.path().join("other.db"));
    let target = Target { settings: &settings, clock: &SystemClock, origin: Origin::Backup };
    let filled = fill(&shelf, &Choice::default(), target).await;
    assert!(matches!(filled, Err(BackupError::Root(_))), "{filled:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_not_empty_is_left_alone() {
    let house = with_backup().await;
    house.restored("full.db", None).await.unwrap();
    let again = house.restored("full.db", None).await.map(drop);
    assert!(matches!(again, Err(BackupError::Copy(CopyError::NotEmpty))), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_takes_nothing_for_a_while_loses_nothing() {
    let house = with_backup().await;
    let away = house.place.path().join("away");
    std::fs::rename(house.backup(), &away).unwrap();
    // A file lies where the directory of the pieces would be.
    let chain = std::fs::read_dir(&away).unwrap().next().unwrap().unwrap().file_name();
    std::fs::create_dir(house.backup()).unwrap();
    std::fs::write(house.backup().join(&chain), b"in the way").unwrap();
    let node = house.node(FAST);
    house.put("meanwhile").await;
    for _turn in 0..1_000 {
        if !node.meters.render().unwrap().contains("hozon_backup_failures_total 0") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!node.meters.render().unwrap().contains("hozon_backup_failures_total 0"));
    std::fs::remove_dir_all(house.backup()).unwrap();
    std::fs::rename(&away, house.backup()).unwrap();
    node.caught_up().await;
    node.stop().await;
    let (restored, _) = house.restored("restored.db", None).await.unwrap();
    assert_eq!(tally(&restored).await, tally(&house.engine).await);
}
