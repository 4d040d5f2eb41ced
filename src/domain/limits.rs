//! Every bound of the system that is no setting, in one table.

use std::time::Duration;

/// Bytes of an object key (S3).
pub const OBJECT_KEY_BYTES_MAX: usize = 1_024;
/// Bytes of names and values of user metadata together (S3).
pub const USER_METADATA_BYTES_MAX: usize = 2_048;
/// Bytes of one uploaded body or part (S3: 5 GiB).
pub const PART_BYTES_MAX: u64 = 5 << 30;
/// Bytes of every part but the last (S3: 5 MiB).
pub const PART_BYTES_MIN: u64 = 5 << 20;
/// Parts of one version (S3).
pub const PARTS_MAX: u32 = 10_000;
/// Bytes of one version (S3: 5 TiB; 10,000 parts of 5 GiB would be more).
pub const VERSION_BYTES_MAX: u64 = 5 << 40;
/// Entries of one listing page, keys of one batch delete (S3).
pub const PAGE_ENTRIES_MAX: usize = 1_000;
/// How old what a tenant has laid down about access may be when it is gone by.
pub const BOOK_AGE_MAX: Duration = Duration::from_secs(2);
/// How long it is kept when nobody asks.
pub const BOOK_IDLE_MAX: Duration = Duration::from_secs(600);
/// Of how many tenants it is kept.
pub const BOOKS_KEPT_MAX: u64 = 1_000;
/// How long a break-glass access lasts where nothing else is asked for (BG-04).
pub const GLASS_LIFE: Duration = Duration::from_secs(3_600);
/// How long a break-glass access lasts at most (BG-04).
pub const GLASS_LIFE_MAX: Duration = Duration::from_secs(4 * 3_600);
/// Characters of the words for a break-glass access.
pub const GLASS_TEXT_CHARS_MIN: usize = 5;
/// Bytes of the words for a break-glass access.
pub const GLASS_TEXT_BYTES_MAX: usize = 2_000;
/// Bytes of one policy of a tenant's own.
pub const POLICY_BYTES_MAX: usize = 32_768;
/// Bytes of a document for the gateway's own API.
pub const API_BODY_BYTES_MAX: usize = 65_536;
/// How far the clocks of identity providers may differ from ours.
pub const TOKEN_SKEW_MAX: Duration = Duration::from_secs(60);
/// Bytes of a token that a request shows.
pub const TOKEN_BYTES_MAX: usize = 16_384;
/// Bytes of the `sub` of a token.
pub const SUBJECT_BYTES_MAX: usize = 255;
/// Characters of a name that a token brings.
pub const NAME_CHARS_MAX: usize = 128;
/// How long a session lasts where nothing else is asked for.
pub const SESSION_LIFE: Duration = Duration::from_secs(3_600);
/// How long a credential of a person lasts that an administrator gives (ID-05).
pub const PERSON_KEY_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// How long a credential lasts at most that an administrator gives for a time.
pub const KEY_LIFE_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);
/// How old the keys of an identity provider may be.
pub const PROVIDER_KEYS_LIFE: Duration = Duration::from_secs(600);
/// How old they may be while the provider is away.
pub const PROVIDER_KEYS_LIFE_MAX: Duration = Duration::from_secs(3_600);
/// How soon they are asked for again for a key that is not among them.
pub const PROVIDER_KEYS_AGAIN: Duration = Duration::from_secs(10);
/// Answers of the policies that a node keeps.
pub const DECISIONS_KEPT_MAX: u64 = 100_000;
/// Tags of one version (S3).
pub const TAGS_MAX: usize = 10;
/// Characters of a tag's key (S3).
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a tag's value (S3).
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// Plaintext bytes of one chunk (C2SP chunked-encryption v1).
pub const CHUNK_BYTES: usize = 16 * 1_024;
/// Chunks that the bulk path handles at a time: 256 KiB of plaintext.
pub const SEGMENT_CHUNKS: usize = 16;
/// Bodies up to this many bytes are sealed in memory and stored with one call.
pub const SMALL_BODY_BYTES_MAX: u64 = 1 << 20;
/// Blobs up to this many bytes are stored with one call: a small body with its tags, manifest, header and footer.
pub const SMALL_BLOB_BYTES_MAX: usize = (1 << 20) + (64 << 10);
/// Bytes that one write to a local disk takes at a time.
pub const LOCAL_WRITE_BYTES: usize = 256 << 10;
/// Bytes of a part that is sent to a remote store (S3: at least 5 MiB, at most 10,000 parts; the largest frame has 650).
pub const REMOTE_PART_BYTES: usize = 8 << 20;
/// Bytes of all parts on their way to one store, or to it and its replica, over all writes: more writes wait for their turn.
pub const WRITE_MEMORY_BYTES_MAX: usize = 96 << 20;
/// Bytes of one read from the store; the manifest of a version with 10,000 parts is the largest.
pub const READ_BYTES_MAX: u64 = 8 << 20;
/// Bytes of one read while a whole blob is copied to another store.
pub const COPY_BYTES: u64 = 2 << 20;
/// Names of blobs that wait to be copied to the replica; the rest is left to the scrub.
pub const REPLICA_WAITING_MAX: usize = 65_536;
/// How long reads ask the replica first after the first store has failed.
pub const STORE_REST: Duration = Duration::from_secs(5);
/// A condemned blob is deleted after this long, so that a get that had begun can end.
pub const CONDEMNED_AGE_MIN: Duration = Duration::from_secs(3_600);
/// Blobs that one question to the index is about: a few milliseconds of its writer.
pub const ORPHAN_BATCH: usize = 100;
/// Bytes of opened directories that the listing cache holds, over all tenants, and as many of those that wait for a run:
/// two million names of usual length.
pub const LISTING_CACHE_BYTES_MAX: usize = 320 << 20;
/// Neighbours that an opened directory keeps together: what one changed name costs to bring in.
pub const LISTING_LEAF_ENTRIES_MAX: usize = 512;
/// Items from which on a directory gets a sealed sorted run: below, opening its names takes less than half a second.
pub const RUN_ITEMS_MIN: usize = 50_000;
/// Items of one page of a run, which is opened and kept as one leaf.
pub const RUN_PAGE_ITEMS: usize = LISTING_LEAF_ENTRIES_MAX;
/// Plaintext bytes of one page of a run; where names are long it has fewer items.
pub const RUN_PAGE_BYTES_MAX: usize = 128 << 10;
/// Opened pages of one run that are kept.
pub const RUN_PAGES_KEPT: usize = 64;
/// Pages of a run that one transaction writes, or removes: a few milliseconds of the writer.
pub const RUN_PAGES_AT_ONCE: usize = 8;
/// Changes beside a run before it is written anew, at least; they are opened one by one where a listing begins cold.
pub const RUN_CHANGES_MIN: usize = 8_192;
/// A run is written anew when its changes are one in this many of its items.
pub const RUN_CHANGES_SHARE: usize = 32;
/// Runs that one round of upkeep writes anew.
pub const RUNS_RENEWED_AT_ONCE: usize = 100;
/// A run that has not become whole after this long was given up.
pub const RUN_WRITE_MAX: Duration = Duration::from_secs(3_600);
/// Rows with which the refresh of a listing begins: a point query on most days.
pub const LISTING_REFRESH_ROWS: usize = 64;
/// Rows of a directory that are read and opened at a time.
pub const LISTING_LOAD_ROWS: usize = 8_192;
/// Sealed rows that are opened right where they are read; more go to a thread that may block.
pub const OPENED_INLINE_MAX: usize = 256;
/// Entries of small caches: keys of audit events.
pub const SMALL_CACHE_ENTRIES_MAX: u64 = 10_000;
/// Commands that may wait for the index's writer.
pub const WRITER_QUEUE_MAX: usize = 8_192;
/// Commands that one index transaction groups at most.
pub const WRITER_GROUP_MAX: usize = 512;
/// How long the index's writer waits for a group to become as large as the last one.
pub const WRITER_PAUSE_MAX: Duration = Duration::from_millis(1);
/// How long an admission may be used after it was given.
pub const ADMISSION_LIFE: Duration = Duration::from_secs(60);
/// How long one event key seals events.
pub const EVENT_KEY_LIFE: Duration = Duration::from_secs(3_600);
/// Multipart uploads idle this long are aborted.
pub const UPLOAD_IDLE_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// A blob that no row names is condemned after this long.
pub const ORPHAN_AGE_MIN: Duration = Duration::from_secs(24 * 3_600);
/// Open multipart uploads of one bucket.
pub const UPLOADS_PER_BUCKET_MAX: usize = 10_000;
/// Buckets of one tenant.
pub const BUCKETS_PER_TENANT_MAX: usize = 1_000;
/// Bytes of a refused body that are read and dropped before the connection closes.
pub const DISCARD_BYTES_MAX: u64 = 8 << 20;
/// How long a refused body is read and dropped.
pub const DISCARD_TIME_MAX: Duration = Duration::from_secs(2);
/// Bytes of an XML or JSON request document.
pub const DOCUMENT_BYTES_MAX: usize = 2 << 20;
/// Whitespace keeps a slow Complete or Copy alive after this long.
pub const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(5);
/// Difference between a request's time and ours (S3: 15 minutes).
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(15 * 60);
/// Life of a presigned URL that SigV4 allows (S3: 7 days).
pub const PRESIGN_SECS_MAX: u64 = 7 * 24 * 3_600;
/// Outcomes of accesses gather this long before they are written together.
pub const OUTCOME_PAUSE: Duration = Duration::from_millis(50);
/// Networks that the provider log tells apart between two writes.
pub const PROVIDER_LOG_NETWORKS_MAX: usize = 4_096;
/// Counts that the provider log keeps: the oldest go first.
pub const PROVIDER_LOG_ROWS_MAX: u64 = 1_000_000;
/// How long the index remembers what has gone from a directory: longer than any load of one takes.
pub const TOMBSTONES_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// Verified credentials kept in memory.
pub const CREDENTIAL_CACHE_MAX: u64 = 10_000;
/// How long a verified credential is believed without looking: the bound on noticing a revocation.
pub const CREDENTIAL_CACHE_LIFE: Duration = Duration::from_secs(5);
/// Bytes that a client must take within one write stall limit, so that taking single bytes does not help.
pub const WRITE_PROGRESS_BYTES_MIN: usize = 16 * 1_024;
/// Bytes a second that a request body must bring on average, once [`BODY_RATE_GRACE`] is over.
pub const BODY_RATE_BYTES_MIN: u64 = 1_024;
/// How long a request body may be slower than [`BODY_RATE_BYTES_MIN`].
pub const BODY_RATE_GRACE: Duration = Duration::from_secs(60);
/// How long an answer to "ready?" is good for those who ask without proof.
pub const READINESS_LIFE: Duration = Duration::from_secs(1);
/// How long a request waits for its turn when as many as allowed are in flight.
pub const TURN_WAIT_MAX: Duration = Duration::from_secs(2);
/// Bytes of an answer that gives its turn back before it is taken: it lies in memory until then.
pub const SHORT_ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long a connection that is told to close may take to do so.
pub const CLOSE_WAIT_MAX: Duration = Duration::from_secs(1);
/// Callers that the rate limit tells apart; beyond, it tells only their networks apart.
pub const RATE_CALLERS_MAX: usize = 100_000;
/// How often callers that have been quiet leave the rate limit's memory.
pub const RATE_PRUNE_PAUSE: Duration = Duration::from_secs(5);
/// Bytes that the HTTP/1 reader and writer of one connection buffer.
pub const CONNECTION_BUFFER_BYTES: usize = 128 * 1_024;
/// Bytes in flight towards us on one HTTP/2 stream.
pub const STREAM_WINDOW_BYTES: u32 = 512 * 1_024;
/// Bytes in flight towards us on one HTTP/2 connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 2 * 1_024 * 1_024;
/// Frames up to this many bytes are read and opened in one piece.
pub const SMALL_FRAME_BYTES_MAX: u64 = 256 << 10;
/// Frames that a scrub reads at a time: latency of remote stores, without being felt.
pub const SCRUB_READS_MAX: usize = 4;
/// Bytes of small frames that a scrub reads together: a changed rate is followed after as many, at the latest.
pub const SCRUB_TOGETHER_BYTES: u64 = 512 << 10;
/// Small frames that a scrub reads together: a process that stops waits for as many disk accesses.
pub const SCRUB_TOGETHER_FRAMES: usize = 64;
/// Frames of one batch of a scrub: as many are read again after a crash, at most.
pub const SCRUB_BATCH_FRAMES: usize = 500;
/// Bytes of one batch of a scrub, but for its last frame.
pub const SCRUB_BATCH_BYTES: u64 = 64 << 20;
/// Findings of a pass that its report names; beyond, it counts them, and the audit logs have all.
pub const SCRUB_FINDINGS_NAMED_MAX: usize = 100;
/// How long a node holds a long job without a sign of life.
pub const JOB_LEASE: Duration = Duration::from_secs(60);
/// A gateway begins its own chores this long after it has started.
pub const CHORES_AFTER: Duration = Duration::from_secs(30);
/// Bytes of one signed chunk of an upload: it is held until its signature is checked.
pub const SIGNED_CHUNK_BYTES_MAX: u64 = 2 << 20;
/// Bytes of the line before a chunk of an upload.
pub const CHUNK_LINE_BYTES_MAX: usize = 1_024;
/// Changes that may wait for a backup whose store takes none. Beyond, they are forgotten and a new backup begins.
pub const BACKUP_CHANGES_MAX: u64 = 20_000_000;
/// How long a backup is not kept by anyone before changes are no longer noted for it.
pub const BACKUP_ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3_600);
