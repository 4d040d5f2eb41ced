// error[E0624]: method `as_bytes` is private
use hozon::seal::SealedChunks;

pub fn read(chunks: &SealedChunks<'_>) -> Vec<u8> {
    chunks.as_bytes().to_vec()
}
