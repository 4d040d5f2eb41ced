//! Sorted runs of directories: that they are used, that nobody can use them against a listing, and that one which
//! cannot be read is done without.

use super::memory::{Memory, Run, Tables};
use super::support::{House, sqlite};
use hozon::domain::{EntryId, RunId, TenantId, Versioning};
use hozon::engine::{Changed, Engine, Nullness, RunRow, Which};
use hozon::index::{Bucket, Index, IndexError, ListItem, ListQuery, RunSettings, VersionsQuery};
use std::sync::Arc;

const TINY: RunSettings = RunSettings { items_min: 3, page_items: 4, pages_kept: 8, changes_min: 1 };
const DIRECTORY: &str = "ward/";

struct Scene {
    engine: Arc<Memory>,
    house: House,
    bucket: Bucket,
}

impl Scene {
    /// A directory of 200 keys and three directories, with its run written.
    async fn set() -> Self {
        let engine = Arc::new(Memory::default());
        let house = House::over(engine.clone()).await.with_runs(TINY);
        let tenant = house.tenant("hospital").await;
        let bucket = house.bucket(tenant, "files", Versioning::Off).await;
        let scene = Self { engine, house, bucket };
        for number in 0..200 {
            scene.put(&format!("{DIRECTORY}{number:03}")).await;
        }
        for name in ["005x/below", "100x/below", "zzz/below"] {
            scene.put(&format!("{DIRECTORY}{name}")).await;
        }
        assert_eq!(scene.names(&scene.house.index).await.len(), 203);
        assert_eq!(scene.house.index.write_runs().await.unwrap(), 1);
        assert_eq!(scene.head().items, 203);
        scene
    }

    async fn put(&self, key: &str) {
        self.house.put(&self.bucket, key, self.house.content(&self.bucket, key, Nullness::Null, 1).await).await.unwrap();
    }

    async fn remove(&self, key: &str) {
        self.house.remove(&self.bucket, key, Which::Current).await.unwrap();
    }

    fn tables(&self) -> std::sync::MutexGuard<'_, Tables> {
        self.engine.tables()
    }

    /// The head of the one whole run there is.
    fn head(&self) -> RunRow {
        let tables = self.tables();
        let mut heads = tables.runs.values().filter_map(|run| run.head.clone());
        let head = heads.next().unwrap();
        assert!(heads.next().is_none());
        head
    }

    async fn page(&self, index: &Index, after: Option<&str>, limit: usize) -> Result<Vec<String>, IndexError> {
        let after = after.map(|after| format!("{DIRECTORY}{after}"));
        let query = ListQuery { prefix: DIRECTORY.to_owned(), delimiter: Some("/".to_owned()), after, limit };
        let items = index.of(self.bucket.tenant).list(&self.bucket, &query).await?.items;
        Ok(items.iter().map(|item| item.text().strip_prefix(DIRECTORY).unwrap().to_owned()).collect())
    }

    async fn names(&self, index: &Index) -> Vec<String> {
        self.page(index, None, 1_000).await.unwrap()
    }

    /// Lists with nothing in memory, and says what was shown and how many pages of runs were read.
    async fn cold(&self, after: Option<&str>, limit: usize) -> (Vec<String>, usize) {
        self.tables().page_reads = 0;
        let names = self.page(&self.house.cold(), after, limit).await.unwrap();
        (names, self.tables().page_reads)
    }

    /// What the rows say, whatever runs there are.
    async fn by_rows(&self) -> Vec<String> {
        let engine = Arc::clone(self.house.index.engine());
        let without = RunSettings { items_min: usize::MAX, ..TINY };
        let whole = Index::with_runs(engine, Arc::new(self.house.leases.clone()), without);
        let runs = std::mem::take(&mut self.tables().runs);
        let names = self.names(&whole).await;
        self.tables().runs = runs;
        names
    }
}

fn names_of(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("{number:03}")).collect()
}

#[tokio::test]
async fn a_cold_page_reads_only_the_pages_of_the_run_that_it_needs() {
    let scene = Scene::set().await;
    // Nothing but the run can show these keys.
    scene.tables().entries.clear();
    let (first, reads) = scene.cold(None, 4).await;
    assert_eq!((first, reads), (names_of(0..4), 2));
    let (middle, reads) = scene.cold(Some("120"), 8).await;
    assert_eq!(middle, names_of(121..129));
    assert!(reads <= 6 + 3, "{reads} pages of 51");
    let (last, reads) = scene.cold(Some("198"), 8).await;
    assert_eq!(last, ["199", "zzz/"]);
    assert!(reads <= 6 + 2, "{reads} pages of 51");
    assert_eq!(scene.cold(Some("zzz/"), 8).await.0, [""; 0]);
}

#[tokio::test]
async fn a_run_brings_all_that_a_listing_shows_of_a_key() {
    let scene = Scene::set().await;
    let query = ListQuery { prefix: DIRECTORY.to_owned(), limit: 1_000, ..ListQuery::default() };
    let index = scene.house.index.of(scene.bucket.tenant);
    let opened = index.list(&scene.bucket, &query).await.unwrap().items;
    let cold = scene.house.cold();
    scene.tables().page_reads = 0;
    assert_eq!(cold.of(scene.bucket.tenant).list(&scene.bucket, &query).await.unwrap().items, opened);
    assert!(scene.tables().page_reads > 0);
    assert!(opened.iter().all(|item| matches!(item, ListItem::Key { size: 1, .. })) && opened.len() == 203);
}

#[tokio::test]
async fn changes_before_and_while_and_after_a_run_is_written_all_show() {
    let scene = Scene::set().await;
    let change = async |from: usize| {
        for number in [from, from + 7, from + 90] {
            scene.remove(&format!("{DIRECTORY}{number:03}")).await;
        }
        // One comes again, as another entry, one is overwritten, and some are new: first, last, and between.
        scene.put(&format!("{DIRECTORY}{:03}", from + 7)).await;
        scene.put(&format!("{DIRECTORY}{:03}", from + 8)).await;
        for name in [format!("!{from}"), format!("{from:03}a"), format!("~{from}"), format!("{from:03}b/below")] {
            scene.put(&format!("{DIRECTORY}{name}")).await;
        }
        scene.by_rows().await
    };
    let expected = change(10).await;
    assert_eq!(scene.cold(None, 1_000).await.0, expected);
    let index = scene.house.cold();
    assert_eq!(scene.names(&index).await, expected);
    // The run is written of the directory as it was listed; what changes before it is whole lies beside it.
    let before = scene.head();
    change(30).await;
    assert_eq!(index.write_runs().await.unwrap(), 1);
    assert_ne!(scene.head().id, before.id);
    let expected = change(50).await;
    let (cold, reads) = scene.cold(None, 1_000).await;
    assert_eq!(cold, expected);
    assert!(reads > 50);
    // Of those who still stand on the run before, too.
    assert_eq!(scene.names(&index).await, expected);
    assert_eq!(scene.names(&scene.house.index).await, expected);
    let versions = VersionsQuery { prefix: DIRECTORY.to_owned(), limit: 1_000, ..VersionsQuery::default() };
    let shown = scene.house.cold().of(scene.bucket.tenant).list_versions(&scene.bucket, &versions).await.unwrap().items;
    assert_eq!(shown.len(), expected.len());
}

/// Makes one change to the run, and wants a listing that is right, and a run in its place.
async fn is_done_without(scene: &Scene, what: &str, change: impl FnOnce(&mut Tables, RunId)) {
    let expected = scene.by_rows().await;
    let head = scene.head();
    change(&mut scene.tables(), head.id);
    let index = scene.house.cold();
    assert_eq!(scene.names(&index).await, expected, "{what}");
    assert!(!scene.tables().runs.contains_key(&head.id), "{what}: the run has ended");
    assert_eq!(index.write_runs().await.unwrap(), 1, "{what}: another one is written");
    assert_eq!(scene.cold(None, 1_000).await.0, expected, "{what}");
}

#[tokio::test]
async fn a_run_that_is_not_as_it_was_written_is_done_without() {
    let scene = Scene::set().await;
    let page = |tables: &mut Tables, run: RunId, number: u32| tables.runs.get_mut(&run).unwrap().pages.get_mut(&number).unwrap().clone();
    is_done_without(&scene, "a flipped bit", |tables, run| {
        let mut sealed = page(tables, run, 20);
        sealed[100] ^= 1;
        tables.runs.get_mut(&run).unwrap().pages.insert(20, sealed);
    })
    .await;
    is_done_without(&scene, "a page that is gone", |tables, run| {
        tables.runs.get_mut(&run).unwrap().pages.remove(&20);
    })
    .await;
    is_done_without(&scene, "two pages swapped", |tables, run| {
        let (one, two) = (page(tables, run, 20), page(tables, run, 21));
        tables.runs.get_mut(&run).unwrap().pages.extend([(20, two), (21, one)]);
    })
    .await;
    type Edit = fn(&mut RunRow);
    let heads: [(&str, Edit); 5] = [
        ("fewer pages", |row| row.pages -= 1),
        ("fewer items", |row| row.items -= 1),
        ("another mark", |row| row.mark += 1),
        ("another path", |row| *row.sealed_path.last_mut().unwrap() ^= 1),
        ("no path", |row| row.sealed_path.clear()),
    ];
    for (what, edit) in heads {
        is_done_without(&scene, what, |tables, run| edit(tables.runs.get_mut(&run).unwrap().head.as_mut().unwrap())).await;
    }
    // Pages of the run before, where they belong by number.
    let head = scene.head();
    let old = scene.tables().runs[&head.id].pages.clone();
    for number in 0..10 {
        scene.put(&format!("{DIRECTORY}!{number}")).await;
    }
    let index = scene.house.cold();
    scene.names(&index).await;
    assert_eq!(index.write_runs().await.unwrap(), 1);
    is_done_without(&scene, "an older page", |tables, run| {
        tables.runs.get_mut(&run).unwrap().pages.insert(20, old[&20].clone());
    })
    .await;
}

#[tokio::test]
async fn a_run_of_another_directory_or_tenant_is_done_without() {
    let scene = Scene::set().await;
    let mine = scene.head();
    // A second directory, and the same keys at another hospital.
    for number in 0..9 {
        scene.put(&format!("other/{number}")).await;
    }
    let everything = ListQuery { limit: 1_000, ..ListQuery::default() };
    scene.house.index.of(scene.bucket.tenant).list(&scene.bucket, &everything).await.unwrap();
    assert_eq!(scene.house.index.write_runs().await.unwrap(), 1);
    let stranger = scene.house.tenant("stranger").await;
    let theirs = scene.house.bucket(stranger, "files", Versioning::Off).await;
    for number in 0..9 {
        let key = format!("{DIRECTORY}{number}");
        scene.house.put(&theirs, &key, scene.house.content(&theirs, &key, Nullness::Null, 1).await).await.unwrap();
    }
    scene.house.index.of(stranger).list(&theirs, &everything).await.unwrap();
    assert_eq!(scene.house.index.write_runs().await.unwrap(), 1);
    let expected = scene.by_rows().await;
    let runs: Vec<Run> = scene.tables().runs.values().cloned().collect();
    let own = runs.iter().find(|run| run.head.as_ref() == Some(&mine)).unwrap();
    let others = runs.iter().filter(|run| run.head.as_ref() != Some(&mine));
    assert_eq!(others.clone().count(), 2);
    for other in others {
        let head = other.head.clone().unwrap();
        // Its head and its pages, told to be ours: under its own id, and under ours.
        for id in [head.id, mine.id] {
            let head = RunRow { id, bucket: mine.bucket, directory: mine.directory, ..head.clone() };
            scene.tables().runs = [(id, Run { head: Some(head), pages: other.pages.clone(), ..own.clone() })].into();
            assert_eq!(scene.names(&scene.house.cold()).await, expected);
            assert!(scene.tables().runs.is_empty());
        }
        // Its pages alone, under our head.
        scene.tables().runs = [(mine.id, Run { pages: other.pages.clone(), ..own.clone() })].into();
        assert_eq!(scene.names(&scene.house.cold()).await, expected);
        assert!(scene.tables().runs.is_empty());
    }
    scene.tables().runs = [(mine.id, own.clone())].into();
    assert_eq!(scene.cold(None, 1_000).await.0, expected);
}

#[tokio::test]
async fn a_run_that_was_never_finished_is_not_used() {
    let scene = Scene::set().await;
    let row = scene.head();
    let pages: Vec<Vec<u8>> = scene.tables().runs.remove(&row.id).unwrap().pages.into_values().collect();
    let expected = scene.by_rows().await;
    // As a program leaves it that stops between two pages, and as one leaves it that stops before the head.
    scene.engine.begin_run(row.bucket, row.directory, row.id).await.unwrap();
    scene.engine.put_run_pages(row.id, 0, pages[..30].to_vec()).await.unwrap();
    assert_eq!(scene.cold(None, 1_000).await, (expected.clone(), 0));
    assert_eq!(scene.engine.complete_run(row.clone()).await.unwrap(), Changed::Conflict);
    scene.engine.put_run_pages(row.id, 30, pages[30..].to_vec()).await.unwrap();
    assert_eq!(scene.cold(None, 1_000).await, (expected.clone(), 0));
    // While it counts as under way nobody else writes one; afterwards it is a run like any other.
    let index = scene.house.cold();
    scene.names(&index).await;
    assert_eq!(index.write_runs().await.unwrap(), 0);
    assert_eq!(scene.engine.complete_run(row).await.unwrap(), Changed::Done);
    let (names, reads) = scene.cold(None, 1_000).await;
    assert_eq!(names, expected);
    assert!(reads > 50);
}

#[tokio::test]
async fn a_run_of_another_epoch_or_of_an_unknown_key_is_not_used() {
    let scene = Scene::set().await;
    let head = scene.head();
    scene.tables().runs.get_mut(&head.id).unwrap().head.as_mut().unwrap().kek_version = 9;
    assert_eq!(scene.cold(None, 1_000).await, (scene.by_rows().await, 0));
    // Others may hold that key: the run is not this node's to end.
    assert_eq!(scene.head().id, head.id);
    scene.tables().runs.get_mut(&head.id).unwrap().head = Some(head.clone());
    {
        // Yesterday's database: one of the keys was not there yet, and no tombstone says so.
        let mut tables = scene.tables();
        let newest = tables.entries.values().max_by_key(|entry| entry.mark).map(|entry| entry.id).unwrap();
        tables.entries.remove(&newest);
        let key: EntryId = tables.entries.values().filter(|entry| entry.directory == head.directory).map(|entry| entry.id).min().unwrap();
        tables.entries.remove(&key);
        tables.epoch += 1;
    }
    let (names, reads) = scene.cold(None, 1_000).await;
    assert_eq!((names.len(), reads), (202, 0));
    let index = scene.house.cold();
    scene.names(&index).await;
    assert_eq!(index.write_runs().await.unwrap(), 1);
    assert_eq!(scene.head().epoch, 1);
    assert_eq!(scene.cold(None, 1_000).await.0, names);
}

#[tokio::test]
async fn names_that_wait_for_their_run_go_with_the_keys() {
    let scene = Scene::set().await;
    scene.tables().runs.clear();
    let index = scene.house.cold();
    assert_eq!(scene.names(&index).await.len(), 203);
    // It serves the next page meanwhile: nothing but what waits can show these keys.
    scene.tables().entries.clear();
    assert_eq!(scene.names(&index).await.len(), 203);
    scene.house.leases.purge(scene.bucket.tenant);
    index.sweep();
    assert_eq!(index.write_runs().await.unwrap(), 0);
    assert!(scene.tables().runs.is_empty());
    assert_eq!(scene.names(&index).await, ["005x/", "100x/", "zzz/"]);
}

async fn everything(house: &House, index: &Index, bucket: &Bucket) -> Vec<ListItem> {
    let query = ListQuery { limit: 1_000, ..ListQuery::default() };
    let items = index.of(bucket.tenant).list(bucket, &query).await.unwrap().items;
    assert_eq!(house.index.of(bucket.tenant).list(bucket, &query).await.unwrap().items, items);
    items
}

#[tokio::test]
async fn a_run_in_sqlite_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut house = House::over(sqlite(directory.path())).await.with_runs(TINY);
    let tenant: TenantId = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", Versioning::Off).await;
    for number in 0..40 {
        let key = format!("{number:02}");
        house.put(&bucket, &key, house.content(&bucket, &key, Nullness::Null, 1).await).await.unwrap();
    }
    let before = everything(&house, &house.cold(), &bucket).await;
    assert_eq!(house.index.write_runs().await.unwrap(), 1);
    house = house.restarted(|| sqlite(directory.path()));
    // With the names of its entries wiped only the run can show them.
    let database = rusqlite::Connection::open(directory.path().join("index.db")).unwrap();
    assert_eq!(database.execute("UPDATE entries SET sealed_name = x'00'", []).unwrap(), 40);
    assert_eq!(everything(&house, &house.cold(), &bucket).await, before);
    assert_eq!(database.execute("DELETE FROM run_pages WHERE page = 7", []).unwrap(), 1);
    let query = ListQuery { limit: 1_000, ..ListQuery::default() };
    let without = house.cold().of(tenant).list(&bucket, &query).await;
    assert!(matches!(without, Err(IndexError::Tampered { table: "entries" })), "it goes on to the rows, and says what it finds");
}
