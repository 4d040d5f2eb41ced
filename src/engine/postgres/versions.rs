use super::condemned;
use super::directories;
use super::fault::Fault;
use super::given::{Given, given};
use super::journal::write_events;
use super::locks;
use super::people::concluded;
use super::session::Session;
use super::uploads;
use crate::domain::{BlobId, BucketId, ByteRange, EntryId, RecordClass, UtcTime, VersionId};
use crate::engine::cells::{Cells, whole};
use crate::engine::step::Step;
use crate::engine::stored::directories::entry_columns;
use crate::engine::stored::versions::{found_entry_of, part_columns, part_of, version_columns, version_of};
use crate::engine::{
    Changed, Committed, DekRow, EngineError, EntryChange, Events, FoundEntry, PartRow, Token, VersionChange, VersionRow, Which,
};
use futures::future::try_join_all;

/// The query of an entry by bucket and token, with the version that the join picks.
macro_rules! find_by {
    ($join:literal) => {
        concat!(
            "SELECT ",
            entry_columns!(),
            ", ",
            version_columns!(),
            ", d.version, d.kek_version, d.wrapped FROM entries e LEFT JOIN versions v ON ",
            $join,
            " LEFT JOIN deks d ON d.seq = v.seq WHERE e.bucket = $1 AND e.key = $2"
        )
    };
}

/// A version and its data key in one statement: the key has the version's number.
const INSERT: &str = "WITH v AS (
      INSERT INTO versions (id, bucket, entry, kind, nullness, created, size, etag, etag_parts, state, class, retention_rule,
        retention_event, retention_started, retention_until, hold, patient, enterer, parent, kek_version, sealed_attributes,
        sealed_tags, attempt, blob, \"offset\", length, stream_length, manifest_length, stored_crc, parts, revision, mac)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,
        $27, $28, $29, $30, $31, $32) RETURNING seq),
    d AS (INSERT INTO deks (seq, version, kek_version, wrapped) SELECT seq, $1::bytea, $33::bigint, $34::bytea FROM v WHERE $34::bytea IS NOT NULL)
    SELECT seq FROM v";
const INSERT_PARTS: &str = concat!(
    "INSERT INTO parts (",
    part_columns!(),
    ") SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
       $9::bigint[], $10::bigint[], $11::bytea[], $12::bigint[], $13::bytea[])"
);
/// A version goes with its key and its parts, and leaves the names of its blobs.
const REMOVE: &str = "WITH v AS (DELETE FROM versions WHERE id = $1 AND entry = $2 AND revision = $3 RETURNING id, seq, blob),
    d AS (DELETE FROM deks USING v WHERE deks.seq = v.seq),
    p AS (DELETE FROM parts USING v WHERE parts.version = v.id RETURNING parts.blob)
    SELECT blob FROM v UNION ALL SELECT blob FROM p";

/// A key's entry and the version asked for, in one statement and so at one moment.
pub(super) async fn find(session: &Session, bucket: BucketId, key: Token, which: Which) -> Result<Option<FoundEntry>, Fault> {
    match which {
        Which::Current => {
            // The newest there is, rather than the one that the entry names: who looks sees whether the two agree.
            let sql = find_by!("v.seq = (SELECT max(seq) FROM versions WHERE entry = e.id)");
            session.one(sql, given![bucket.as_bytes(), &key.0], found_entry_of).await
        }
        Which::Id(id) => {
            let sql = find_by!("v.id = $3 AND v.entry = e.id");
            session.one(sql, given![bucket.as_bytes(), &key.0, id.as_bytes()], found_entry_of).await
        }
        Which::Null => {
            let sql = find_by!("v.entry = e.id AND v.nullness = 1");
            session.one(sql, given![bucket.as_bytes(), &key.0], found_entry_of).await
        }
    }
}

pub(super) async fn of_entry(session: &Session, entry: EntryId, before: Option<u64>, limit: usize) -> Result<Vec<VersionRow>, Fault> {
    let sql = concat!("SELECT ", version_columns!(), " FROM versions v WHERE v.entry = $1 AND v.seq < $2 ORDER BY v.seq DESC LIMIT $3");
    let values = given![entry.as_bytes(), before.map_or(i64::MAX, whole), limit];
    session.all(sql, values, |row| version_of(&mut Cells::new(row, "versions"))).await
}

/// Versions of several entries at one moment, until there are `limit`.
pub(super) async fn of_entries(session: &Session, entries: &[EntryId], limit: usize) -> Result<Vec<VersionRow>, Fault> {
    let sql = concat!(
        "SELECT ",
        version_columns!(),
        " FROM unnest($1::bytea[]) WITH ORDINALITY AS asked (entry, place) JOIN LATERAL
            (SELECT * FROM versions w WHERE w.entry = asked.entry ORDER BY w.seq DESC LIMIT $2) v ON true
          ORDER BY asked.place, v.seq DESC LIMIT $2"
    );
    let entries: Vec<&[u8]> = entries.iter().map(|entry| entry.as_bytes().as_slice()).collect();
    session.all(sql, given![entries, limit], |row| version_of(&mut Cells::new(row, "versions"))).await
}

pub(super) async fn named(session: &Session, versions: &[VersionId]) -> Result<Vec<VersionRow>, Fault> {
    let sql = concat!("SELECT ", version_columns!(), " FROM versions v WHERE v.id = ANY($1::bytea[])");
    let versions: Vec<&[u8]> = versions.iter().map(|version| version.as_bytes().as_slice()).collect();
    session.all(sql, given![versions], |row| version_of(&mut Cells::new(row, "versions"))).await
}

pub(super) async fn parts(session: &Session, version: VersionId, range: ByteRange) -> Result<Vec<PartRow>, Fault> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    // Parts lie one after another, so the search begins at the last one that starts no later than the range.
    let sql = concat!(
        "SELECT ",
        part_columns!(),
        " FROM parts WHERE version = $1 AND \"offset\" < $3 AND \"offset\" + length > $2
            AND \"offset\" >= (SELECT max(\"offset\") FROM parts WHERE version = $1 AND \"offset\" <= $2) ORDER BY number"
    );
    session.all(sql, given![version.as_bytes(), range.start, range.end], part_of).await
}

pub(super) async fn part(session: &Session, version: VersionId, number: u32) -> Result<Option<PartRow>, Fault> {
    let sql = concat!("SELECT ", part_columns!(), " FROM parts WHERE version = $1 AND number = $2");
    session.one(sql, given![version.as_bytes(), number], part_of).await
}

pub(super) async fn parts_after(session: &Session, version: VersionId, after: u32, limit: usize) -> Result<Vec<PartRow>, Fault> {
    let sql = concat!("SELECT ", part_columns!(), " FROM parts WHERE version = $1 AND number > $2 ORDER BY number LIMIT $3");
    session.all(sql, given![version.as_bytes(), after, limit], part_of).await
}

/// One transaction on the versions of one key, as [`VersionChange`] says.
///
/// What does not depend on an answer goes out together: locks, conditions, the entry, the version, what it replaces. The
/// entry comes first among what is written, so its lock orders the numbers of its versions. An upload is locked before
/// its parts are looked at: one that came again in the meantime has condemned the part that it replaced.
pub(super) async fn commit(session: &Session, change: &VersionChange, now: UtcTime) -> Result<Step<Committed>, Fault> {
    let blobs = new_blobs(change);
    let (entry_sql, entry_values) = directories::statement(&change.entry);
    let revision = "SELECT revision FROM buckets WHERE id = $1";
    let condemned = "SELECT blob FROM condemned WHERE blob = ANY($1::bytea[]) LIMIT 1";
    let sql = [locks::SHARE_BUCKET_AND_BLOBS, uploads::LOCK, revision, condemned, entry_sql, INSERT, INSERT_PARTS, REMOVE];
    let [lock, lock_upload, revision, condemned, entry_statement, insert, insert_parts, remove] = &session.prepared(sql).await?;

    let [bucket_lock, blob_lock] = locks::bucket_and_blobs(change.bucket);
    let id = entry_of(&change.entry);
    let removing =
        change.remove.iter().map(|(version, revision)| session.send(remove, given![version.as_bytes(), id.as_bytes(), *revision]));
    // Polled in this order, and so sent in it.
    let (_locked, _upload, revisions, condemned, entries, seqs, _parts, removed) = futures::try_join!(
        session.send(lock, given![bucket_lock, blob_lock]),
        async {
            match &change.upload {
                Some((upload, _)) => session.send(lock_upload, given![upload.as_bytes()]).await,
                None => Ok(Vec::new()),
            }
        },
        session.send(revision, given![change.bucket.as_bytes()]),
        session.send(condemned, given![blobs.iter().map(Vec::as_slice).collect::<Vec<_>>()]),
        session.send(entry_statement, entry_values),
        inserting(session, insert, change),
        inserting_parts(session, insert_parts, change),
        try_join_all(removing),
    )?;
    match revisions.first().map(|row| Cells::new(row, "buckets").number::<u64>()).transpose()? {
        None => return Ok(Step::Undo(Committed::BucketGone)),
        Some(revision) if revision != change.bucket_revision => return Ok(Step::Undo(Committed::EntryChanged)),
        Some(_) => {}
    }
    if !condemned.is_empty() {
        return Ok(Step::Undo(Committed::Condemned));
    }
    let Some(entry) = entries.first() else { return Ok(Step::Undo(Committed::EntryChanged)) };
    if removed.iter().any(Vec::is_empty) {
        return Ok(Step::Undo(Committed::EntryChanged));
    }
    let counted = directories::counted(&change.entry, entry)?;
    let seq = seqs.first().map_or(Ok(0), |row| Cells::new(row, "versions").number::<u64>())?;

    let gone: Result<Vec<Option<Vec<u8>>>, EngineError> = removed.iter().flatten().map(|row| Cells::new(row, "versions").take()).collect();
    condemned::condemn(session, &gone?.into_iter().flatten().collect::<Vec<_>>(), now).await?;
    if let Some((upload, revision)) = change.upload
        && !uploads::complete(session, (change.bucket, upload), revision, now).await?
    {
        return Ok(Step::Undo(Committed::UploadChanged));
    }
    write_events(session, &change.events).await?;
    // The counters come last: whoever else changes the directory waits for this transaction from here on.
    directories::change(session, (change.bucket, &change.entry), counted, &change.directories, now).await?;
    Ok(Step::Keep(Committed::Done { seq }))
}

fn entry_of(change: &EntryChange) -> EntryId {
    match change {
        EntryChange::Insert(row) | EntryChange::Update { row, .. } => row.id,
        EntryChange::Remove { id, .. } => *id,
    }
}

fn new_blobs(change: &VersionChange) -> Vec<Vec<u8>> {
    let Some((version, _, parts)) = &change.version else { return Vec::new() };
    let blobs = version.location.iter().chain(parts.iter().map(|part| &part.location)).map(|location| location.blob);
    blobs.map(|blob: BlobId| blob.to_bytes().to_vec()).collect()
}

async fn inserting(
    session: &Session,
    statement: &tokio_postgres::Statement,
    change: &VersionChange,
) -> Result<Vec<tokio_postgres::Row>, Fault> {
    let Some((row, dek, _)) = &change.version else { return Ok(Vec::new()) };
    let blob = row.location.map(|location| location.blob.to_bytes());
    session.send(statement, inserted(row, dek.as_ref(), blob.as_ref().map(<[u8; _]>::as_slice))).await
}

async fn inserting_parts(session: &Session, statement: &tokio_postgres::Statement, change: &VersionChange) -> Result<(), Fault> {
    let Some((_, _, parts)) = &change.version else { return Ok(()) };
    if parts.is_empty() {
        return Ok(());
    }
    let blobs: Vec<Vec<u8>> = parts.iter().map(|part| part.location.blob.to_bytes().to_vec()).collect();
    let numbers = |read: fn(&PartRow) -> i64| parts.iter().map(read).collect::<Vec<_>>();
    let values = given![
        parts.iter().map(|part| part.version.as_bytes().as_slice()).collect::<Vec<_>>(),
        numbers(|part| part.number.into()),
        parts.iter().map(|part| part.attempt.as_bytes().as_slice()).collect::<Vec<_>>(),
        blobs.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        numbers(|part| whole(part.location.offset)),
        numbers(|part| whole(part.location.length)),
        numbers(|part| whole(part.offset)),
        numbers(|part| whole(part.length)),
        numbers(|part| whole(part.stream_length)),
        numbers(|part| part.stored_crc.cast_signed()),
        parts.iter().map(|part| part.sealed_checksums.as_slice()).collect::<Vec<_>>(),
        numbers(|part| part.kek_version.into()),
        parts.iter().map(|part| part.mac.0.as_slice()).collect::<Vec<_>>()
    ];
    session.send(statement, values).await.map(|_nothing| ())
}

fn inserted<'a>(row: &'a VersionRow, dek: Option<&'a DekRow>, blob: Option<&'a [u8]>) -> Vec<Given<'a>> {
    let retention = row.retention.as_ref();
    given![
        row.id.as_bytes(),
        row.bucket.as_bytes(),
        row.entry.as_bytes(),
        row.kind as u8,
        row.null as u8,
        row.created,
        row.size,
        row.etag.bits(),
        row.etag.parts(),
        row.state as u8,
        row.class.as_ref().map(RecordClass::as_str),
        retention.map(|retention| &retention.rule),
        retention.map(|retention| &retention.start_event),
        retention.and_then(|retention| retention.started),
        retention.and_then(|retention| retention.until),
        retention.map(|retention| retention.hold as u8),
        row.patient.as_ref().map(|token| &token.0),
        row.enterer.as_bytes(),
        row.parent.as_ref().map(VersionId::as_bytes),
        row.kek_version,
        &row.sealed_attributes,
        row.sealed_tags.as_ref(),
        row.attempt.as_bytes(),
        blob,
        row.location.map(|location| location.offset),
        row.location.map(|location| location.length),
        row.stream_length,
        row.manifest_length,
        row.stored_crc.cast_signed(),
        row.parts,
        row.revision,
        &row.mac.0,
        dek.map(|dek| dek.kek_version),
        dek.map(|dek| &dek.wrapped)
    ]
}

pub(super) async fn update(session: &Session, row: &VersionRow, events: &Events) -> Result<Step<Changed>, Fault> {
    let retention = row.retention.as_ref();
    let sql = "UPDATE versions SET state = $1, retention_rule = $2, retention_event = $3, retention_started = $4, retention_until = $5,
                 hold = $6, kek_version = $7, sealed_attributes = $8, sealed_tags = $9, revision = $10, mac = $11
               WHERE id = $12 AND bucket = $13 AND revision + 1 = $10";
    let values = given![
        row.state as u8,
        retention.map(|retention| &retention.rule),
        retention.map(|retention| &retention.start_event),
        retention.and_then(|retention| retention.started),
        retention.and_then(|retention| retention.until),
        retention.map(|retention| retention.hold as u8),
        row.kek_version,
        &row.sealed_attributes,
        row.sealed_tags.as_ref(),
        row.revision,
        &row.mac.0,
        row.id.as_bytes(),
        row.bucket.as_bytes()
    ];
    let changed = session.change(sql, values).await?;
    concluded(session, changed, events).await
}

pub(super) async fn count(session: &Session) -> Result<u64, Fault> {
    let counted = session.one("SELECT count(*) FROM versions", given![], |row| Cells::new(row, "versions").number()).await?;
    counted.ok_or_else(|| EngineError::Corrupt { table: "versions" }.into())
}
