// error[E0308]: mismatched types
// found `BlobWriter`
use hozon::blob::BlobWriter;
use hozon::index::NewContent;

pub fn body(writer: BlobWriter) -> NewContent {
    NewContent::Body { stored: writer, dek: (1, Vec::new()), size: 0, parts: Vec::new() }
}
