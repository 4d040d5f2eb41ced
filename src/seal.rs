//! The byte format: everything that turns readable bytes into sealed ones and back, pure and synchronous.
//!
//! `docs/format.md` specifies every byte. One construction seals everything (C2SP chunked-encryption
//! v1 with AES-256-GCM and SHA-512), names excepted. It knows no file, no network, no database and no
//! clock, and never decides who may open something. Ways in: [`MasterKey`] for short things,
//! [`Sealer`] and [`Opener`] for bodies.

mod aead;
mod context;
mod error;
mod framing;
mod kdf;
mod key;
pub mod layout;
mod name;
mod place;
mod stream;
mod token;

pub use aead::{Aead, SelfTestFailed};
pub use context::Context;
pub use error::{OpenError, SealError};
pub use key::{KeyUse, MasterKey, UseKey};
pub use name::NameKey;
pub use place::{PlaceOfPart, PlaceOfVersion};
pub use token::{TokenKind, TokenSecret};
