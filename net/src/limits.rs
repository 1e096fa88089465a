//! Every bound of the wire, in one place. What a peer sends beyond one is a typed error.

/// The protocol: what hellos, frames and messages mean. Both ends must speak the same.
pub const PROTOCOL_VERSION: u16 = 1;
/// The first byte of a frame.
pub const FRAME_MAGIC: u8 = 0xd7;
/// The layout of a frame.
pub const FRAME_VERSION: u8 = 1;
/// Bytes of a frame's messages, encoded.
pub const MAX_FRAME_MESSAGES: usize = 16 << 20;
/// A frame whose messages have this many bytes is closed and the next one opened.
pub const FRAME_TARGET: usize = 256 << 10;
/// Bytes of one message, encoded: it always fits into a frame that is not yet closed.
pub const MAX_MESSAGE: usize = MAX_FRAME_MESSAGES - FRAME_TARGET;
/// Messages of one frame. Decoded, a message may be a few hundred times as large as encoded.
pub const MAX_MESSAGES: usize = 1 << 16;
/// A segment of at most this many bytes is copied into the frame, rather than written apart.
pub const COPIED_SEGMENT: usize = 4 << 10;
/// Raw segments of one frame.
pub const MAX_SEGMENTS: usize = 1 << 12;
/// Bytes of a segment, and of all of a frame's together, that the receiver did not ask for.
pub const MAX_UNSOLICITED_SEGMENTS: u64 = 1 << 20;
/// Bytes of one value: what a receiver that asked for it accepts at most.
pub const MAX_VALUE: u64 = 1 << 40;
/// Bytes of a task's arguments; larger ones are scattered.
pub const MAX_ARGS: usize = 1 << 20;
/// Arguments larger than this are scattered by the client.
pub const SCATTER_ARGS: usize = 64 << 10;
/// Bytes of a value that travels with the message that its task has finished.
pub const INLINE_VALUE: usize = 64;
/// Dependencies of one task: so many that its inputs, each with some holders, fit one message.
pub const MAX_DEPENDENCIES: usize = 1 << 17;
/// Tasks of one submit message; a larger submission takes several.
pub const MAX_SUBMIT: usize = 1 << 10;
/// Keys of one release or cancel message.
pub const MAX_KEYS: usize = 1 << 14;
/// Holders of an input that a worker is told.
pub const MAX_HOLDERS: usize = 8;
/// Bytes of any name: a worker's, a function's.
pub const MAX_NAME: usize = 1 << 10;
/// Resources of one worker, or of one task.
pub const MAX_RESOURCES: usize = 64;
/// Bytes of a failure's texts together; longer ones are cut.
pub const MAX_FAILURE_TEXT: usize = 16 << 10;
/// Bytes of the text of one event of a topic; a longer line of a run's log is cut.
pub const MAX_EVENT_TEXT: usize = 4 << 10;
/// Specs defined on one connection.
pub const MAX_SPECS: usize = 1 << 20;
/// Bytes that one side of a session keeps until the other has acknowledged them.
pub const MAX_KEPT_BYTES: usize = 1 << 30;
/// Frames that one side of a session keeps until the other has acknowledged them.
pub const MAX_KEPT_FRAMES: usize = 1 << 20;
/// After so many frames without an answer, they are acknowledged by a frame of its own.
pub const ACK_FRAMES: usize = 1 << 6;
/// After so many bytes without an answer, they are acknowledged by a frame of its own.
pub const ACK_BYTES: usize = 1 << 16;
/// Bytes of an encoded hello.
pub const MAX_HELLO: usize = 4 << 10;
/// Sequences, maps, options and variants within one another, in a decoded value.
pub const MAX_DEPTH: u32 = 128;
/// Elements without bytes, such as units, of all sequences of a decoded value.
pub const MAX_EMPTY_ELEMENTS: u32 = 1 << 20;
