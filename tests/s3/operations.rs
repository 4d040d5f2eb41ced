//! `docs/S3.md` against the gateway, operation by operation.
