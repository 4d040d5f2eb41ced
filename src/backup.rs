//! Backups of the index: sealed snapshots, and a sealed journal of every change between them, in a store of their own.
//!
//! Bodies are not in it: they lie in the store of bodies and never change. Rows are as the index has them, so names and
//! attributes are sealed and keys are wrapped; on top every piece is sealed under a key that only the root unwraps. The
//! gateway only ever adds pieces under new names. Ways in: [`Keeper`] keeps a backup of a running gateway, [`fill`] and
//! [`restore`] make an index from one, [`drill`] tries that.

mod choice;
mod drill;
mod error;
mod keeper;
mod key;
mod name;
mod piece;
mod plan;
mod recover;
mod restore;
mod settings;
mod shelf;

pub use choice::Choice;
pub use drill::{Drilled, Trial, drill, is_old};
pub use error::BackupError;
pub use keeper::{BackupFailure, BackupStatus, Keeper, KeeperParts, KeeperSettings, SnapshotFacts, forget_abandoned, goes_on_from};
pub use key::BackupKeys;
pub use name::{Follows, PieceKind, PieceName};
pub use piece::{Counts, PieceFacts, PieceReader};
pub use plan::Plan;
pub use recover::{Filled, Target, fill};
pub use restore::{Restored, restore};
pub use settings::BackupSettings;
pub use shelf::{Chain, Shelf};
