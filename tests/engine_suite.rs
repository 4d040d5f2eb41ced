//! What every engine must do, run on each of them, and what only one of them can show.
//!
//! A behaviour is a function over `Arc<dyn Engine>` in one of the modules below; [`behaviours`] names all of them
//! once. One that is not named is dead code, which the lints refuse.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "engine/buckets.rs"]
mod buckets;
#[path = "engine/changes.rs"]
mod changes;
#[path = "engine/condemned.rs"]
mod condemned;
#[path = "engine/copies.rs"]
mod copies;
#[path = "engine/directives.rs"]
mod directives;
#[path = "engine/frames.rs"]
mod frames;
#[path = "engine/jobs.rs"]
mod jobs;
#[path = "engine/journal.rs"]
mod journal;
#[path = "engine/listing.rs"]
mod listing;
#[path = "engine/load.rs"]
mod load;
#[path = "engine/merge.rs"]
mod merge;
#[path = "engine/model.rs"]
mod model;
#[path = "engine/people.rs"]
mod people;
#[cfg(feature = "postgres")]
#[path = "engine/postgres.rs"]
mod postgres;
#[cfg(feature = "postgres")]
#[path = "support/postgres.rs"]
#[expect(dead_code, reason = "other suites use other parts of it")]
mod postgres_server;
#[path = "engine/rows.rs"]
mod rows;
#[path = "engine/runs.rs"]
mod runs;
#[path = "engine/sqlite.rs"]
mod sqlite;
#[path = "engine/store.rs"]
mod store;
#[path = "engine/uploads.rs"]
mod uploads;
#[path = "engine/versions.rs"]
mod versions;
#[path = "engine/view.rs"]
mod view;

/// Makes one test of each behaviour, for the engine that `$fresh` makes empty.
macro_rules! suite {
    ($engine:ident, $fresh:expr, $with:tt, { $($module:ident: [$($behaviour:ident),+ $(,)?]),+ $(,)? }) => {
        mod $engine {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #$with
                async fn $behaviour() {
                    let (engine, _place) = $fresh;
                    crate::$module::$behaviour(engine).await;
                })+
            })+
        }
    };
}

/// Every behaviour, for one engine.
macro_rules! behaviours {
    ($engine:ident, $fresh:expr, $with:tt) => {
        suite!($engine, $fresh, $with, {
            people: [
                a_tenant_comes_with_its_keys_and_secrets,
                key_versions_come_oldest_first,
                a_tenant_whose_name_is_taken_leaves_nothing_behind,
                tenants_are_listed_by_name,
                a_tenant_can_be_disabled_with_its_event,
                principals_are_unique_by_name_within_a_tenant_only,
                a_principal_changes_only_from_the_revision_that_was_seen,
                a_credential_brings_its_principal_and_tenant,
                an_access_key_is_unique_over_all_tenants,
                access_keys_are_listed_by_tenant_and_principal,
                an_access_key_changes_only_from_the_revision_that_was_seen,
            ],
            directives: [
                what_is_laid_down_is_found_by_its_mark,
                nobody_overwrites_what_they_have_not_seen,
                marks_follow_one_another_whoever_lays_down,
            ],
            buckets: [
                a_bucket_is_found_by_tenant_and_name,
                buckets_are_listed_by_name,
                a_bucket_changes_only_from_the_revision_that_was_seen,
                an_empty_bucket_can_be_deleted_once,
                a_bucket_with_a_key_stays,
                a_bucket_with_an_open_upload_stays,
                a_deleted_bucket_takes_no_version_and_no_upload,
                a_change_decided_by_older_rules_of_its_bucket_is_decided_again,
            ],
            versions: [
                a_committed_version_comes_back_column_by_column,
                empty_columns_stay_empty,
                each_way_of_asking_finds_its_version,
                a_version_of_another_key_is_not_found_by_its_id,
                versions_come_newest_first_and_in_pages,
                versions_of_several_entries_come_entry_by_entry,
                a_key_that_exists_cannot_be_inserted_again,
                an_entry_changes_only_from_the_revision_that_was_seen,
                an_entry_of_another_bucket_is_not_touched,
                a_removed_version_leaves_the_older_one_current,
                a_version_that_was_changed_since_it_was_seen_stays,
                a_version_of_another_entry_is_not_removed,
                a_replaced_null_version_goes_in_the_same_commit,
                a_version_changes_only_from_the_revision_that_was_seen,
                parts_are_found_by_number_and_by_the_bytes_they_hold,
                a_removed_version_takes_its_parts_and_condemns_their_blobs,
            ],
            changes: [
                a_copy_and_what_has_changed_since_are_the_index_of_now,
                changes_that_come_while_others_are_sent_are_sent_later,
                changes_are_noted_without_a_gap_or_begun_anew,
            ],
            condemned: [
                only_blobs_that_no_row_names_are_condemned,
                condemned_blobs_come_by_age_and_can_be_forgotten,
                a_condemned_blob_gets_into_no_version,
                a_condemned_blob_gets_into_no_upload,
                a_blob_that_two_versions_share_goes_with_the_last,
            ],
            store: [
                an_index_has_one_store_and_changes_it_only_from_what_was_seen,
                an_index_names_blobs_from_the_first_part_or_version_to_the_last,
                the_newest_event_grows_with_each_event_of_anyone,
            ],
            uploads: [
                an_upload_is_found_in_its_bucket_only,
                a_bucket_holds_no_more_uploads_than_allowed,
                parts_come_back_in_the_order_of_their_numbers,
                a_part_that_comes_again_replaces_the_first_and_condemns_it,
                a_part_of_an_upload_that_is_gone_is_refused,
                only_uploads_that_nobody_touches_are_idle,
                an_aborted_upload_condemns_its_parts,
                an_upload_that_was_touched_since_it_was_seen_is_not_aborted,
                a_completed_upload_keeps_the_parts_it_uses_and_condemns_the_rest,
                a_complete_without_its_upload_changes_nothing,
                an_upload_of_another_bucket_completes_nothing,
                uploads_of_one_key_stand_side_by_side,
            ],
            listing: [
                a_directory_counts_its_keys_and_directories,
                a_directory_is_live_while_anything_below_it_is,
                a_key_that_begins_as_a_delete_marker_is_not_live,
                empty_directories_go_up_to_the_first_that_holds_more,
                a_cache_learns_only_what_is_new,
                a_cache_learns_what_has_gone,
                a_directory_that_comes_again_is_another_one,
                a_parent_is_told_only_when_a_directory_comes_to_life_or_dies,
                directories_of_two_buckets_are_strangers,
            ],
            runs: [
                a_run_is_the_directorys_once_it_is_whole,
                one_run_of_a_directory_is_under_way_at_a_time,
                a_run_that_lacks_a_page_does_not_become_whole,
                a_newer_run_takes_the_place_of_the_older,
                an_ended_run_is_no_run,
                a_deleted_bucket_takes_its_runs,
            ],
            journal: [
                events_come_newest_first_and_in_pages,
                an_event_that_comes_again_changes_nothing,
                an_event_key_is_written_once_with_its_first_event,
                an_empty_append_is_nothing,
                counts_of_strangers_add_up,
                a_probe_says_that_writes_succeed,
            ],
            frames: [
                every_frame_that_a_row_names_comes_once_whatever_the_page,
                frames_of_one_blob_come_by_offset_and_row,
                a_frame_is_named_as_long_as_any_row_has_it,
                a_blob_is_unknown_if_neither_a_row_nor_the_condemned_have_it,
            ],
            jobs: [
                of_two_nodes_that_want_a_job_one_gets_it,
                of_many_that_want_a_job_at_once_one_gets_it,
                a_dead_nodes_job_is_taken_over_where_it_stood,
                what_an_earlier_holder_writes_is_refused_with_its_events,
                a_job_that_was_given_back_is_free_at_once,
                a_job_rests_and_starts_as_operators_say,
            ],
            load: [
                of_many_writers_of_one_key_one_wins_each_round,
                writers_of_many_keys_all_get_in_with_orders_of_their_own,
                the_conflict_of_one_writer_is_not_the_failure_of_another,
                an_event_that_many_retry_is_written_once,
                a_reader_sees_every_commit_that_was_acknowledged,
                a_part_that_comes_again_during_the_complete_condemns_nothing_in_use,
                a_write_whose_caller_leaves_happens_whole_or_not_at_all,
            ],
        });
    };
}

behaviours!(on_sqlite, crate::sqlite::fresh(), [doc = "Needs nothing."]);
#[cfg(feature = "postgres")]
behaviours!(on_postgres, crate::postgres::fresh().await, [ignore = "needs PostgreSQL"]);
