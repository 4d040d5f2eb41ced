/// Nothing was sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    Random(#[from] getrandom::Error),
    /// The cipher library refused.
    #[error("the cipher library refused to seal")]
    Cipher,
    /// More bytes than one part may have.
    #[error("a part has more than {} bytes", crate::domain::limits::PART_BYTES_MAX)]
    TooLong,
    /// The manifest's lengths are not those of what was sealed.
    #[error("the manifest states {stated} bytes, {sealed} were sealed")]
    Lengths {
        /// What the manifest was to say.
        stated: u64,
        /// What is true.
        sealed: u64,
    },
    /// A part list where the frame holds the whole body, or none where it holds nothing.
    #[error("a manifest names parts exactly when its frame holds no body")]
    Parts,
    /// The manifest has no JSON form.
    #[error("the manifest has no json form")]
    Manifest(#[source] serde_json::Error),
}

/// Nothing was opened. A client never learns which of these it was; the audit log does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No sealed thing of this kind has this many bytes.
    #[error("{bytes} bytes are no whole sealed thing of this kind")]
    Length {
        /// How many there are.
        bytes: u64,
    },
    /// Wrong key, wrong place, or an altered salt or commitment.
    #[error("the commitment is not that of this key and place")]
    Commitment,
    /// A chunk was altered, or stands where another belongs.
    #[error("chunk {index} is not what was sealed there")]
    Chunk {
        /// Its number in the stream.
        index: u64,
    },
    /// The frame's header is none, or of a format that this program does not know.
    #[error("the frame's header is not of a known format")]
    Header,
    /// The frame was sealed for another place.
    #[error("the frame belongs to another place")]
    Place,
    /// The frame's footer is none, or its lengths are not the expected ones.
    #[error("the frame's footer does not fit the frame")]
    Footer,
    /// The manifest was sealed by us and still is not understood.
    #[error("the manifest is not of a known form")]
    Manifest,
    /// A sealed name was altered, or belongs to another entry.
    #[error("the sealed name is not that of this entry")]
    Name,
    /// What was opened is not as long as what it holds.
    #[error("{bytes} opened bytes are not the length of a key")]
    KeyLength {
        /// How many there are.
        bytes: usize,
    },
    /// The cipher library refused the key.
    #[error("the cipher library refused to open")]
    Cipher,
}
