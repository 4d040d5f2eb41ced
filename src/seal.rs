//! The byte format: everything that turns readable bytes into sealed ones and back, pure and synchronous.
//!
//! `docs/format.md` specifies every byte. One construction seals everything (C2SP chunked-encryption
//! v1 with AES-256-GCM and SHA-512), names excepted. It knows no file, no network, no database and no
//! clock, and never decides who may open something. Ways in: [`MasterKey`] for short things,
//! [`Sealer`] and [`Opener`] for bodies.

mod aead;
mod context;
mod data_key;
mod error;
mod frame;
mod framing;
mod kdf;
mod key;
pub mod layout;
mod manifest;
mod name;
mod opener;
mod outgoing;
mod place;
mod plaintext;
mod sealer;
mod segment;
mod shelf;
mod stream;
mod token;
#[cfg(test)]
mod wycheproof;

pub use aead::{Aead, SelfTestFailed};
pub use context::Context;
pub use data_key::{FreshDataKey, FreshPartKey, OpenedDataKey};
pub use error::{OpenError, SealError};
pub use key::{KeyUse, MacKey, MasterKey, UseKey};
pub use manifest::{Manifest, ManifestFacts, ManifestPart};
pub use name::NameKey;
pub use opener::{Opener, SealedChunks};
pub use place::{PlaceOfPart, PlaceOfRun, PlaceOfVersion, RunExtent};
pub use plaintext::{PlainBuffer, PlainPool, Plaintext};
pub use sealer::Sealer;
pub use segment::{SealedEnd, SealedSegment};
pub use token::{TokenKind, TokenSecret};
