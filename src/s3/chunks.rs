//! The framing of `aws-chunked` bodies, watched as they arrive. The protocol crate checks signatures and trailers,
//! but holds each chunk whole and takes a body without its last chunk.

use crate::domain::limits;
use bytes::Bytes;
use std::collections::VecDeque;

/// How a body's chunks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkKind {
    /// Each has a signature, which runs over all of it: none may be large.
    Signed,
    /// None has one: a large one, as some SDKs make of a whole body, is passed on in pieces.
    Unsigned,
}

/// The body is not framed as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChunkFault {
    /// A chunk does not begin or end as chunks do.
    #[error("a chunk is not well formed")]
    Malformed,
    /// A signed chunk is larger than is kept in memory.
    #[error("a signed chunk has more than {} bytes", limits::SIGNED_CHUNK_BYTES_MAX)]
    TooLarge,
    /// The last chunk, which is empty, did not come.
    #[error("the last chunk is missing")]
    Unfinished,
}

#[derive(Debug)]
enum State {
    /// In the line before a chunk.
    Line(Vec<u8>),
    /// In a chunk's bytes.
    Data { left: u64 },
    /// In the line end after a chunk's bytes.
    End { left: usize },
    /// After the line of the last chunk: trailers, which the protocol crate reads.
    Tail,
}

/// Watches, and where it may reframes, one body.
#[derive(Debug)]
pub(super) struct Chunks {
    kind: ChunkKind,
    state: State,
    ready: VecDeque<Bytes>,
}

impl Chunks {
    /// Watches a body whose payload header says that it comes in chunks; none otherwise.
    pub(super) fn announced(payload: &[u8]) -> Option<Self> {
        let kind = match payload {
            b"STREAMING-UNSIGNED-PAYLOAD-TRAILER" => ChunkKind::Unsigned,
            _ if payload.starts_with(b"STREAMING-") => ChunkKind::Signed,
            _ => return None,
        };
        Some(Self { kind, state: State::Line(Vec::new()), ready: VecDeque::new() })
    }

    /// Takes the next bytes from the wire.
    ///
    /// # Errors
    /// [`ChunkFault`]; the body is over then.
    pub(super) fn take(&mut self, mut bytes: Bytes) -> Result<(), ChunkFault> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Line(line) => {
                    let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
                    let part = bytes.split_to(end.unwrap_or(bytes.len()));
                    line.extend_from_slice(&part);
                    if line.len() > limits::CHUNK_LINE_BYTES_MAX {
                        return Err(ChunkFault::Malformed);
                    }
                    if end.is_some() {
                        let line = std::mem::take(line);
                        self.begin(line)?;
                    }
                }
                State::Data { left } => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= length as u64;
                    let is_over = *left == 0;
                    let piece = bytes.split_to(length);
                    self.pass(piece);
                    if is_over {
                        self.state = State::End { left: 2 };
                    }
                }
                State::End { left } => {
                    let expected: &[u8] = if *left == 2 { b"\r" } else { b"\n" };
                    let byte = bytes.split_to(1);
                    if byte != expected {
                        return Err(ChunkFault::Malformed);
                    }
                    *left -= 1;
                    if *left == 0 {
                        self.state = State::Line(Vec::new());
                    }
                    if self.kind == ChunkKind::Signed {
                        self.ready.push_back(byte);
                    }
                }
                State::Tail => self.ready.push_back(bytes.split_to(bytes.len())),
            }
        }
        Ok(())
    }

    /// The next bytes for the protocol crate.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        self.ready.pop_front()
    }

    /// Checks that the body ended where bodies end.
    ///
    /// # Errors
    /// [`ChunkFault::Unfinished`].
    pub(super) fn finish(&self) -> Result<(), ChunkFault> {
        if matches!(self.state, State::Tail) { Ok(()) } else { Err(ChunkFault::Unfinished) }
    }

    /// Reads the line before a chunk: its size in hexadecimal digits, and a signature perhaps.
    fn begin(&mut self, line: Vec<u8>) -> Result<(), ChunkFault> {
        let text = std::str::from_utf8(&line).ok().and_then(|line| line.strip_suffix("\r\n")).ok_or(ChunkFault::Malformed)?;
        let digits = text.split(';').next().unwrap_or(text);
        let size = u64::from_str_radix(digits, 16).map_err(|_| ChunkFault::Malformed)?;
        if self.kind == ChunkKind::Signed && size > limits::SIGNED_CHUNK_BYTES_MAX {
            return Err(ChunkFault::TooLarge);
        }
        if self.kind == ChunkKind::Signed || size == 0 {
            self.ready.push_back(Bytes::from(line));
        }
        self.state = if size == 0 { State::Tail } else { State::Data { left: size } };
        Ok(())
    }

    /// Passes data on: as it came where a signature runs over it, else as a chunk of its own.
    fn pass(&mut self, piece: Bytes) {
        match self.kind {
            ChunkKind::Signed => self.ready.push_back(piece),
            ChunkKind::Unsigned => {
                self.ready.push_back(Bytes::from(format!("{:x}\r\n", piece.len())));
                self.ready.push_back(piece);
                self.ready.push_back(Bytes::from_static(b"\r\n"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNSIGNED: &[u8] = b"STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    const SIGNED: &[u8] = b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

    fn through(payload: &[u8], wire: &[u8], step: usize) -> Result<Vec<u8>, ChunkFault> {
        let mut chunks = Chunks::announced(payload).unwrap();
        let mut out = Vec::new();
        for piece in wire.chunks(step) {
            chunks.take(Bytes::copy_from_slice(piece))?;
            while let Some(bytes) = chunks.next() {
                out.extend_from_slice(&bytes);
            }
        }
        chunks.finish()?;
        Ok(out)
    }

    #[test]
    fn a_large_unsigned_chunk_becomes_small_ones() {
        let wire = b"9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n";
        let out = through(UNSIGNED, wire, 7).unwrap();
        assert_eq!(out, b"4\r\n1234\r\n5\r\n56789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n");
    }

    #[test]
    fn signed_chunks_pass_as_they_came() {
        let wire = b"3;chunk-signature=ab\r\nabc\r\n0;chunk-signature=cd\r\n\r\n";
        for step in 1..wire.len() {
            assert_eq!(through(SIGNED, wire, step).as_deref(), Ok(wire.as_slice()));
        }
    }

    #[test]
    fn what_is_not_framed_is_refused() {
        assert_eq!(through(SIGNED, b"3;chunk-signature=ab\r\nabc\r\n", 5), Err(ChunkFault::Unfinished));
        assert_eq!(through(UNSIGNED, b"", 5), Err(ChunkFault::Unfinished));
        assert_eq!(through(UNSIGNED, b"3\r\nabcd\r\n0\r\n\r\n", 5), Err(ChunkFault::Malformed));
        assert_eq!(through(UNSIGNED, b"3\nabc\r\n", 5), Err(ChunkFault::Malformed));
        assert_eq!(through(UNSIGNED, b"x\r\n", 5), Err(ChunkFault::Malformed));
        assert_eq!(through(UNSIGNED, &[b'1'; 5_000], 5_000), Err(ChunkFault::Malformed));
        assert_eq!(through(SIGNED, b"ffffffff;chunk-signature=ab\r\n", 5), Err(ChunkFault::TooLarge));
        assert!(Chunks::announced(b"UNSIGNED-PAYLOAD").is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(wire in prop::collection::vec(any::<u8>(), 0..200), step in 1_usize..50, signed in any::<bool>()) {
            let _outcome = through(if signed { SIGNED } else { UNSIGNED }, &wire, step);
        }

        #[test]
        fn data_survives_any_cut(data in prop::collection::vec(any::<u8>(), 1..300), step in 1_usize..80) {
            let mut wire = format!("{:x}\r\n", data.len()).into_bytes();
            wire.extend_from_slice(&data);
            wire.extend_from_slice(b"\r\n0\r\n\r\n");
            let mut chunks = Chunks::announced(UNSIGNED).unwrap();
            let mut pieces = Vec::new();
            for piece in wire.chunks(step) {
                chunks.take(Bytes::copy_from_slice(piece)).unwrap();
                pieces.extend(std::iter::from_fn(|| chunks.next()));
            }
            let is_data = pieces.windows(3).filter(|around| around[2] == "\r\n" && around[0].ends_with(b"\r\n") && around[0] != "\r\n");
            let joined: Vec<u8> = is_data.flat_map(|around| around[1].to_vec()).collect();
            prop_assert_eq!(joined, data);
        }
    }
}
