//! Bytes from a socket into frames, checked before anyone sees them.
//!
//! Pull style: the caller reads into [`FrameDecoder::buffer`], then calls [`FrameDecoder::next`]
//! until it gives nothing. What a peer merely claims is never allocated, beyond what the caller
//! said it would accept. This module must not know what a message says.

use std::mem;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::de::DeserializeOwned;

use super::FrameOptions;
use super::header::{Entry, HEADER, Header};
use crate::codec;
use crate::error::FrameError;
use crate::limits::MAX_UNSOLICITED_SEGMENTS;

/// Room made for bytes that are not those of a large segment.
const READ: usize = 64 << 10;
/// With less room than this, more is made.
const LEAST_READ: usize = 4 << 10;
/// With fewer bytes than this missing, a segment comes by way of the input, with what follows it.
const LEAST_DIRECT: usize = 16 << 10;
/// Messages for which a list is given room at once; beyond, it grows as they are decoded.
const ROOM: usize = 1 << 10;

/// A frame, whole and checked, its messages not yet decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number in the session, from 1.
    pub seq: u64,
    /// The last of our own frames that the peer has received, 0 if none.
    pub ack: u64,
    /// The session ends with this frame.
    pub last: bool,
    /// Its raw segments.
    pub segments: Vec<Bytes>,
    messages: Bytes,
    count: u32,
}

impl Frame {
    /// Bytes of its messages, encoded.
    #[must_use]
    pub fn size(&self) -> usize {
        self.messages.len()
    }

    /// All of its messages. None is to be used if one is bad.
    ///
    /// # Errors
    ///
    /// If a message cannot be decoded as an `M`, or bytes are left over.
    pub fn messages<M: DeserializeOwned>(&self) -> Result<Vec<M>, FrameError> {
        let mut left = &self.messages[..];
        let count = self.count as usize;
        let mut messages = Vec::with_capacity(count.min(ROOM));
        for index in 0..count {
            let message = codec::decode_next(&mut left);
            messages.push(message.map_err(|source| FrameError::Decode { index, source })?);
        }
        match left.len() {
            0 => Ok(messages),
            left => Err(FrameError::Trailing { left }),
        }
    }
}

/// Takes frames from a stream of bytes, however it is cut.
///
/// After an error the stream is of no use: every further call gives an error again.
#[derive(Debug)]
pub struct FrameDecoder {
    options: FrameOptions,
    /// The number that the next frame must have.
    expected: u64,
    /// Most bytes of the next frame's segments.
    budget: u64,
    /// Bytes that are not yet part of anything.
    input: BytesMut,
    state: State,
}

/// What comes next.
#[derive(Debug)]
enum State {
    /// A header.
    Header,
    /// The messages and the segment table; their header is still in the input.
    Messages(Header),
    /// A segment.
    Segment(Receiving),
}

/// A frame of which only segments are missing.
#[derive(Debug)]
struct Receiving {
    /// What is there.
    frame: Frame,
    /// The whole segment table.
    entries: Vec<Entry>,
    /// The segment that comes next, so far; its room is that of the whole segment.
    segment: Vec<u8>,
    /// Its size in bytes, once there is room for it.
    length: Option<usize>,
}

impl FrameDecoder {
    /// Nothing yet; the first frame must have number 1.
    #[must_use]
    pub fn new(options: FrameOptions) -> Self {
        Self {
            options,
            expected: 1,
            budget: MAX_UNSOLICITED_SEGMENTS,
            input: BytesMut::new(),
            state: State::Header,
        }
    }

    /// The next frame must have number `seq`.
    pub fn set_expected(&mut self, seq: u64) {
        self.expected = seq;
    }

    /// The next frame may have segments of so many bytes together, if that is more than
    /// [`MAX_UNSOLICITED_SEGMENTS`]; for the one after it, that is the limit again.
    pub fn expect_segments(&mut self, bytes: u64) {
        self.budget = self.budget.max(bytes);
    }

    /// Whether the stream may end here: no frame has begun.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.input.is_empty() && matches!(self.state, State::Header)
    }

    /// Where the next bytes from the socket go; never without room. Within a large segment this
    /// is the segment's own, final buffer, so that it is received without a copy.
    pub fn buffer(&mut self) -> impl BufMut + Send + '_ {
        if let State::Segment(Receiving { segment, length: Some(length), .. }) = &mut self.state
            && *length - segment.len() >= LEAST_DIRECT
        {
            let missing = *length - segment.len();
            return (segment as &mut (dyn BufMut + Send)).limit(missing);
        }
        if self.input.capacity() - self.input.len() < LEAST_READ {
            self.input.reserve(READ);
        }
        let room = self.input.capacity() - self.input.len();
        (&mut self.input as &mut (dyn BufMut + Send)).limit(room)
    }

    /// The next frame, if all of it has come. To be called again until there is none.
    ///
    /// # Errors
    ///
    /// If what came is not the frame that should come next, or claims to be too large.
    #[expect(clippy::should_implement_trait, reason = "a stream that may go on is no iterator")]
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if matches!(self.state, State::Header) {
            let Some(header) = Header::read(&self.input)? else { return Ok(None) };
            self.state = State::Messages(header);
        }
        if let State::Messages(header) = self.state {
            if self.input.len() < header.checked_len() {
                return Ok(None);
            }
            self.state = State::Segment(self.accept(&header)?);
        }
        let State::Segment(receiving) = &mut self.state else { return Ok(None) };
        if !receiving.advance(&mut self.input, self.options)? {
            return Ok(None);
        }
        match mem::replace(&mut self.state, State::Header) {
            State::Segment(receiving) => Ok(Some(receiving.frame)),
            State::Header | State::Messages(_) => unreachable!("it was just a segment's"),
        }
    }

    /// Checks header, messages and segment table, all of which have come, and takes them.
    fn accept(&mut self, header: &Header) -> Result<Receiving, FrameError> {
        let checked = &self.input[..header.checked_len()];
        Header::verify(checked)?;
        if header.seq != self.expected {
            return Err(FrameError::OutOfOrder { expected: self.expected, found: header.seq });
        }
        let table = HEADER + header.length as usize;
        let entries = Entry::read_all(&checked[table..], header.checksums);
        let claimed = entries.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.length));
        if claimed > self.budget {
            return Err(FrameError::SegmentsTooLarge { claimed, limit: self.budget });
        }
        self.expected += 1;
        self.budget = MAX_UNSOLICITED_SEGMENTS;
        let checked = self.input.split_to(header.checked_len()).freeze();
        let frame = Frame {
            seq: header.seq,
            ack: header.ack,
            last: header.last,
            segments: Vec::with_capacity(entries.len()),
            messages: checked.slice(HEADER..table),
            count: header.messages,
        };
        Ok(Receiving { frame, entries, segment: Vec::new(), length: None })
    }
}

impl Receiving {
    /// Takes what has come of the segments; says whether that is all of them.
    fn advance(&mut self, input: &mut BytesMut, options: FrameOptions) -> Result<bool, FrameError> {
        while let Some(entry) = self.entries.get(self.frame.segments.len()) {
            let length = match self.length {
                Some(length) => length,
                None => {
                    let out_of_memory = FrameError::OutOfMemory { claimed: entry.length };
                    let length = usize::try_from(entry.length).ok();
                    let room = length.filter(|&it| self.segment.try_reserve_exact(it).is_ok());
                    *self.length.insert(room.ok_or(out_of_memory)?)
                }
            };
            let here = input.len().min(length - self.segment.len());
            self.segment.extend_from_slice(&input[..here]);
            input.advance(here);
            if self.segment.len() < length {
                return Ok(false);
            }
            if options.segment_checksums {
                entry.verify(self.frame.segments.len(), &self.segment)?;
            }
            self.frame.segments.push(Bytes::from(mem::take(&mut self.segment)));
            self.length = None;
        }
        Ok(true)
    }
}
