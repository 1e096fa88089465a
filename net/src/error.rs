//! What can be wrong on the wire: in bytes that a peer sent, or in a value that cannot be sent.
//!
//! Every error of a peer closes its connection. This module must not know how anything is read.

use crate::limits;

/// A value cannot be put on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The value's own `Serialize` gave up.
    #[error("the value cannot be serialized: {0}")]
    Message(Box<str>),
    /// One message is larger than a frame may be.
    #[error("a message of {length} bytes is larger than the limit of {limit}; send its data apart")]
    TooLarge {
        /// Its encoded size in bytes.
        length: usize,
        /// Most bytes of a message.
        limit: usize,
    },
    /// One frame would carry too many segments.
    #[error(
        "a frame carries at most {} segments; spread them over several messages",
        limits::MAX_SEGMENTS
    )]
    TooManySegments,
    /// A sequence or map did not say its length before its elements.
    #[error("a sequence or map of unknown length cannot be serialized; collect it first")]
    UnknownLength,
}

/// Bytes are not the value that they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A boolean, an option, a character, a string or an integer that has no such encoding.
    #[error("the bytes are no {what}; were they written for another type?")]
    Invalid {
        /// What should have been there.
        what: &'static str,
    },
    /// The type's own `Deserialize` refused, for instance an unknown variant.
    #[error("the value cannot be deserialized: {0}")]
    Message(Box<str>),
    /// The type asks the bytes what they are; they do not say.
    #[error(
        "the type needs a self-describing format (untagged or flattened?), which this one is not"
    )]
    NotSelfDescribing,
    /// Values within values, too many.
    #[error("values are nested deeper than {}", limits::MAX_DEPTH)]
    TooDeep,
    /// More elements are claimed than the bytes can hold.
    #[error("{claimed} elements are claimed where {left} bytes are left")]
    TooLong {
        /// Elements claimed.
        claimed: u64,
        /// Bytes left.
        left: usize,
    },
    /// The value ended before the bytes did.
    #[error("{left} bytes are left over after the value; were they written for another type?")]
    Trailing {
        /// Bytes left.
        left: usize,
    },
    /// The bytes ended before the value did.
    #[error("the bytes end in the middle of the value; were they written for another type?")]
    Truncated,
}

/// A peer sent something that is not the frame that should come next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The number of messages cannot be right for their bytes.
    #[error("a frame claims {messages} messages in {length} bytes")]
    BadCount {
        /// Messages claimed.
        messages: u32,
        /// Bytes of the messages.
        length: u32,
    },
    /// Header, messages or segment table were damaged on the way.
    #[error("a frame was damaged on the way: checksum {found:08x} instead of {expected:08x}")]
    BadCrc {
        /// What the frame says.
        expected: u32,
        /// What its bytes give.
        found: u32,
    },
    /// No frame begins here.
    #[error("a frame should begin here, with byte {:#04x}, not {found:#04x}", limits::FRAME_MAGIC)]
    BadMagic {
        /// The byte found.
        found: u8,
    },
    /// A segment was damaged on the way.
    #[error(
        "segment {index} was damaged on the way: checksum {found:08x} instead of {expected:08x}"
    )]
    BadSegmentCrc {
        /// Which of the frame's segments, from 0.
        index: usize,
        /// What the frame says.
        expected: u32,
        /// What its bytes give.
        found: u32,
    },
    /// The frame is of another version.
    #[error(
        "a frame of version {found} instead of {}; run the same raddle on all machines",
        limits::FRAME_VERSION
    )]
    BadVersion {
        /// The version found.
        found: u8,
    },
    /// A message cannot be decoded.
    #[error("message {index} of a frame: {source}")]
    Decode {
        /// Which of the frame's messages, from 0.
        index: usize,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// There is no memory for a segment.
    #[error(
        "no memory for a segment of {claimed} bytes; give this process more or split the value"
    )]
    OutOfMemory {
        /// Bytes claimed.
        claimed: u64,
    },
    /// A frame was lost or repeated.
    #[error("frame {found} came instead of {expected}: one was lost or repeated; reconnect")]
    OutOfOrder {
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The segments are larger than the receiver was prepared for.
    #[error("a frame claims segments of {claimed} bytes where {limit} were expected")]
    SegmentsTooLarge {
        /// Bytes claimed.
        claimed: u64,
        /// Most bytes of all segments.
        limit: u64,
    },
    /// The messages are too large.
    #[error("a frame claims messages of {claimed} bytes; the limit is {limit}")]
    TooLarge {
        /// Bytes claimed.
        claimed: u64,
        /// Most bytes of a frame's messages.
        limit: u64,
    },
    /// Too many messages.
    #[error("a frame claims {claimed} messages; the limit is {}", limits::MAX_MESSAGES)]
    TooManyMessages {
        /// Messages claimed.
        claimed: u32,
    },
    /// Too many segments.
    #[error("a frame claims {claimed} segments; the limit is {}", limits::MAX_SEGMENTS)]
    TooManySegments {
        /// Segments claimed.
        claimed: u32,
    },
    /// The messages ended before their bytes did.
    #[error("{left} bytes are left over after the messages of a frame")]
    Trailing {
        /// Bytes left.
        left: usize,
    },
    /// The frame asks for something that this version does not know.
    #[error("a frame has unknown flags {flags:#06x}; run the same raddle on all machines")]
    UnknownFlags {
        /// All of its flags.
        flags: u16,
    },
}

/// The stream of a session cannot go on: the session is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// A frame never came.
    #[error("frame {found} of the session came instead of {expected}: one was lost")]
    Gap {
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The other side claims to have what it was never sent.
    #[error("the other side claims to have frame {claimed} of the session; {sent} were sent")]
    NeverSent {
        /// The number it claims to have.
        claimed: u64,
        /// The last that was sent.
        sent: u64,
    },
    /// The other side wants what it has acknowledged before.
    #[error(
        "the other side wants frame {wanted} of the session again; what is kept begins at {first}"
    )]
    NotKept {
        /// The number it wants.
        wanted: u64,
        /// The first that is kept.
        first: u64,
    },
    /// The other side does not acknowledge.
    #[error("{frames} frames with {bytes} bytes are not acknowledged, and no more are kept")]
    TooMuchKept {
        /// Frames that are kept.
        frames: usize,
        /// Their bytes.
        bytes: usize,
    },
}

/// The first words on a connection are wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// The greeting was damaged on the way.
    #[error("the greeting was damaged on the way: its checksum does not match; try again")]
    BadCrc,
    /// The greeting cannot be decoded.
    #[error("the greeting cannot be read ({0}); run the same raddle on all machines")]
    Decode(#[from] DecodeError),
    /// The greeting cannot be encoded.
    #[error("the greeting cannot be written: {0}")]
    Encode(#[from] EncodeError),
    /// Whatever it is, it is not raddle.
    #[error("the peer does not speak raddle, it says `{found}`; check its address and port")]
    NotRaddle {
        /// What it said, printable.
        found: String,
    },
    /// The greeting is too large.
    #[error("a greeting of {length} bytes is larger than the limit of {limit}; shorten the name")]
    TooLarge {
        /// Its size in bytes.
        length: usize,
        /// Most bytes of a greeting.
        limit: usize,
    },
    /// A hello where a reply should be, or the reverse.
    #[error("the peer sent a {found} where a {expected} should be; check which address is whose")]
    Unexpected {
        /// What should have come.
        expected: &'static str,
        /// What came.
        found: &'static str,
    },
    /// The peer's raddle is another.
    #[error(
        "the peer speaks version {theirs} of raddle's protocol, this program version {ours}; \
         run the same raddle on all machines"
    )]
    Version {
        /// The version that this program speaks.
        ours: u16,
        /// The version that the peer speaks.
        theirs: u16,
    },
}
