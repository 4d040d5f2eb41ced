#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop where something is not as it must be")]

//! The scrub over a real index and a real directory: what it finds, what it does not, and where it goes on.

#[path = "scrub/damage.rs"]
mod damage;
#[path = "blob/failing_store.rs"]
mod failing_store;
#[path = "scrub/house.rs"]
mod house;
#[path = "scrub/passes.rs"]
mod passes;
#[cfg(feature = "postgres")]
#[path = "support/postgres.rs"]
#[expect(dead_code, reason = "nothing here harms the server")]
mod postgres_server;
#[path = "scrub/replica.rs"]
mod replica;
#[path = "engine/rows.rs"]
#[expect(dead_code, reason = "the engine's suite uses the others")]
mod rows;
#[cfg(feature = "postgres")]
#[path = "scrub/two_nodes.rs"]
mod two_nodes;
