//! Frames: many messages and raw segments, checked, numbered, acknowledged.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | [`FRAME_MAGIC`](crate::limits::FRAME_MAGIC) |
//! | 1 | [`FRAME_VERSION`](crate::limits::FRAME_VERSION) |
//! | 2–3 | flags: bit 0, the segment table has checksums; bit 1, the session ends here |
//! | 4–7 | bytes of the messages |
//! | 8–11 | number of messages |
//! | 12–15 | number of segments |
//! | 16–23 | number of the frame in its session, from 1 |
//! | 24–31 | the last frame received from the other side, 0 if none |
//! | 32–35 | CRC-32C of bytes 0–31, the messages and the segment table |
//! | | the messages, one after the other |
//! | | the segment table: length `u64` and, if flagged, CRC-32C `u32` of each |
//! | | the segments, one after the other |
//!
//! Numbers are little endian. A frame without messages is an acknowledgement and nothing else; it
//! has a number like any other. What numbers are good for is in [`session`](crate::session). This module must not know what a message says, nor any socket.

mod decoder;
mod encoder;
mod header;
#[cfg(test)]
mod tests;

pub use decoder::{Frame, FrameDecoder};
pub use encoder::FrameEncoder;

/// How frames are made, for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameOptions {
    /// Segments carry checksums, and those that do are verified. On by default; not worth its
    /// time on loopback.
    pub segment_checksums: bool,
}

impl Default for FrameOptions {
    fn default() -> Self {
        Self { segment_checksums: true }
    }
}
