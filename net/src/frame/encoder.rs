//! Messages and segments into frames, ready to be written.
//!
//! A message is encoded once, straight into the buffer that is written. This module must not know
//! what a message says.

use std::mem;

use bytes::Bytes;
use serde::Serialize;

use super::FrameOptions;
use super::header::{Entry, HEADER, Header, entry_len};
use crate::codec;
use crate::error::EncodeError;
use crate::limits::{COPIED_SEGMENT, FRAME_TARGET, MAX_MESSAGE, MAX_MESSAGES, MAX_SEGMENTS};

/// A buffer with at most this many bytes is copied when it is taken, so that it can be used again.
const COPIED_BUFFER: usize = 16 << 10;

/// Puts messages and segments into frames.
///
/// A frame is closed when its messages reach [`FRAME_TARGET`] bytes, or by [`take`](Self::take).
#[derive(Debug)]
pub struct FrameEncoder {
    options: FrameOptions,
    /// The number of the open frame, or of the next one.
    seq: u64,
    ack: u64,
    /// What is complete and goes before `buffer`.
    chunks: Vec<Bytes>,
    /// Bytes of `chunks`.
    chunked: usize,
    /// The open frame.
    buffer: Vec<u8>,
    open: Option<OpenFrame>,
}

/// The frame that takes messages: they follow the room for its header in the buffer.
#[derive(Debug)]
struct OpenFrame {
    messages: u32,
    /// The session ends with it.
    last: bool,
    segments: Vec<Bytes>,
    /// Bytes of the segments and of their table.
    extra: usize,
}

impl FrameEncoder {
    /// Nothing yet; the first frame has number 1.
    #[must_use]
    pub fn new(options: FrameOptions) -> Self {
        Self {
            options,
            seq: 1,
            ack: 0,
            chunks: Vec::new(),
            chunked: 0,
            buffer: Vec::new(),
            open: None,
        }
    }

    /// Adds a message.
    ///
    /// # Errors
    ///
    /// If the message cannot be encoded or is larger than [`MAX_MESSAGE`]; nothing is then added.
    pub fn push<M: Serialize>(&mut self, message: &M) -> Result<(), EncodeError> {
        if self.open.as_ref().is_some_and(|frame| frame.is_full(self.buffer.len())) {
            self.close();
        }
        if self.open.is_none() {
            self.open_frame();
        }
        let before = self.buffer.len();
        let result = codec::encode(message, &mut self.buffer);
        let length = self.buffer.len() - before;
        let result = result.and(match length {
            0..=MAX_MESSAGE => Ok(()),
            _ => Err(EncodeError::TooLarge { length, limit: MAX_MESSAGE }),
        });
        let frame = self.open.as_mut().expect("it was opened above");
        if result.is_ok() {
            frame.messages += 1;
            return Ok(());
        }
        self.buffer.truncate(before);
        if frame.messages == 0 && !frame.last {
            self.buffer.clear();
            self.open = None;
        }
        result
    }

    /// Adds a raw segment to the frame of the last message.
    ///
    /// # Errors
    ///
    /// If the frame has [`MAX_SEGMENTS`] already; nothing is then added.
    ///
    /// # Panics
    ///
    /// If no message was pushed since the last [`take`](Self::take).
    pub fn push_segment(&mut self, segment: Bytes) -> Result<(), EncodeError> {
        let frame = self.open.as_mut().expect("a segment belongs to a message pushed before it");
        if frame.segments.len() == MAX_SEGMENTS {
            return Err(EncodeError::TooManySegments);
        }
        frame.extra += entry_len(self.options.segment_checksums) + segment.len();
        frame.segments.push(segment);
        Ok(())
    }

    /// Whether nothing waits to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that wait to be taken.
    #[must_use]
    pub fn len(&self) -> usize {
        let extra = self.open.as_ref().map_or(0, |frame| frame.extra);
        self.chunked + self.buffer.len() + extra
    }

    /// From now on frames say that all of the other side's frames up to number `ack` have come.
    pub fn set_ack(&mut self, ack: u64) {
        self.ack = ack;
    }

    /// Makes sure that a frame leaves, with the acknowledgement, even if nothing else is said.
    pub fn acknowledge(&mut self) {
        if self.open.is_none() {
            self.open_frame();
        }
    }

    /// The session ends with the open frame, or one without messages.
    pub fn end(&mut self) {
        self.acknowledge();
        let frame = self.open.as_mut().expect("it was opened above");
        frame.last = true;
    }

    /// The number of the last frame that was closed, 0 if none was.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.seq - 1
    }

    /// Closes the open frame and gives all that waits, in the order in which it is to be written. A
    /// frame without segments is one chunk.
    /// Large segments are the very `Bytes` that were pushed.
    #[must_use]
    pub fn take(&mut self) -> Vec<Bytes> {
        self.close();
        self.chunked = 0;
        mem::take(&mut self.chunks)
    }

    fn open_frame(&mut self) {
        self.buffer.resize(HEADER, 0);
        self.open = Some(OpenFrame { messages: 0, last: false, segments: Vec::new(), extra: 0 });
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let OpenFrame { messages, last, segments, .. } = open;
        let checksums = self.options.segment_checksums;
        let length = self.buffer.len() - HEADER;
        for segment in &segments {
            let crc = checksums.then(|| crc32c::crc32c(segment));
            Entry { length: segment.len() as u64, crc }.write(&mut self.buffer);
        }
        let header = Header {
            checksums,
            last,
            length: u32::try_from(length).expect("push bounds a frame's messages"),
            messages,
            segments: u32::try_from(segments.len()).expect("push_segment bounds their number"),
            seq: self.seq,
            ack: self.ack,
        };
        header.write(&mut self.buffer);
        self.seq += 1;
        for segment in segments {
            self.place(segment);
        }
        self.cut();
    }

    fn place(&mut self, segment: Bytes) {
        if segment.len() <= COPIED_SEGMENT {
            self.buffer.extend_from_slice(&segment);
            return;
        }
        self.cut();
        self.chunked += segment.len();
        self.chunks.push(segment);
    }

    /// Makes the buffer a chunk.
    fn cut(&mut self) {
        let length = self.buffer.len();
        if length == 0 {
            return;
        }
        self.chunked += length;
        if length <= COPIED_BUFFER {
            self.chunks.push(Bytes::copy_from_slice(&self.buffer));
            self.buffer.clear();
            return;
        }
        // Who fills one buffer fills another: it need not grow step by step.
        let next = Vec::with_capacity(length.min(FRAME_TARGET) + COPIED_BUFFER);
        self.chunks.push(Bytes::from(mem::replace(&mut self.buffer, next)));
    }
}

impl OpenFrame {
    fn is_full(&self, end: usize) -> bool {
        end - HEADER >= FRAME_TARGET || self.messages as usize == MAX_MESSAGES
    }
}

impl Default for FrameEncoder {
    fn default() -> Self {
        Self::new(FrameOptions::default())
    }
}
