//! One side of a session's stream, in frames: what is said, what the other side may not have, and
//! how far the other side was heard. It outlives its connections.
//!
//! A frame is encoded once; what is kept of it is the same bytes that are written. This module must
//! not know sockets, nor what the words mean.

use bytes::Bytes;
use raddle_net::error::{EncodeError, SessionError};
use raddle_net::frame::{FrameEncoder, FrameOptions};
use raddle_net::session::{Bounds, Incoming, Outgoing};
use serde::Serialize;

/// Bytes that are kept for a side that is away, beyond which its session is given up.
pub(crate) const MAX_KEPT_AWAY: usize = 256 << 20;

/// What was said and heard in a session.
#[derive(Debug)]
pub(crate) struct Stream {
    encoder: FrameEncoder,
    outgoing: Outgoing<Bytes>,
    incoming: Incoming,
}

impl Stream {
    /// Nothing was said or heard.
    pub(crate) fn new() -> Self {
        Self {
            // Words have no segments.
            encoder: FrameEncoder::new(FrameOptions { segment_checksums: false }),
            outgoing: Outgoing::new(Bounds::default()),
            incoming: Incoming::default(),
        }
    }

    /// Says `message`.
    pub(crate) fn push<M: Serialize>(&mut self, message: &M) -> Result<(), EncodeError> {
        self.encoder.push(message)
    }

    /// Says that the session ends here.
    pub(crate) fn end(&mut self) {
        self.encoder.end();
    }

    /// Says that this side is there: by a frame without messages, unless there are words.
    pub(crate) fn beat(&mut self) {
        if self.encoder.is_empty() {
            self.encoder.acknowledge();
        }
    }

    /// Whether something waits to be written to the present connection.
    pub(crate) fn has_words(&self) -> bool {
        !self.encoder.is_empty() || !self.outgoing.all_given()
    }

    /// Bytes that were said and no connection was given.
    pub(crate) fn unsent(&self) -> usize {
        self.encoder.len()
    }

    /// Bytes that were said and that the other side may not have.
    pub(crate) fn kept(&self) -> usize {
        self.encoder.len() + self.outgoing.kept_bytes()
    }

    /// What is to be written to the present connection: whole frames.
    ///
    /// # Errors
    ///
    /// The other side acknowledges nothing: the session is to be given up.
    pub(crate) fn take(&mut self) -> Result<Vec<Bytes>, SessionError> {
        if !self.encoder.is_empty() {
            self.incoming.acknowledged();
        }
        for frame in self.encoder.take() {
            let bytes = frame.len();
            self.outgoing.push(frame, bytes)?;
        }
        debug_assert_eq!(self.outgoing.last(), self.encoder.last_seq(), "each chunk is a frame");
        Ok(std::iter::from_fn(|| self.outgoing.next_to_send()).collect())
    }

    /// A frame came: its number, what it acknowledges, and its size.
    ///
    /// # Errors
    ///
    /// The session is over.
    pub(crate) fn heard(&mut self, number: Number) -> Result<Heard, SessionError> {
        self.outgoing.acknowledge(number.ack)?;
        if !self.incoming.receive(number.seq, number.size)? {
            return Ok(Heard { is_new: false, wakes: false });
        }
        self.encoder.set_ack(self.incoming.received());
        // Words that wait to be written take the acknowledgement along.
        let wakes = self.incoming.is_ack_due() && self.encoder.is_empty();
        if wakes {
            self.encoder.acknowledge();
        }
        Ok(Heard { is_new: true, wakes })
    }

    /// The number of the last frame that came.
    pub(crate) fn received(&self) -> u64 {
        self.incoming.received()
    }

    /// There is a new connection, to a side that has everything up to number `received`.
    ///
    /// # Errors
    ///
    /// It cannot go on from there: the session is over.
    pub(crate) fn resume(&mut self, received: u64) -> Result<(), SessionError> {
        self.outgoing.resume(received)
    }
}

/// What is to be done with a frame that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// It has not come before: its messages are to be heard.
    pub(crate) is_new: bool,
    /// The writer is to be woken, to acknowledge.
    pub(crate) wakes: bool,
}

/// What a session must know of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    /// Its number.
    pub(crate) seq: u64,
    /// What it acknowledges.
    pub(crate) ack: u64,
    /// Bytes of its messages.
    pub(crate) size: usize,
}

impl From<&raddle_net::frame::Frame> for Number {
    fn from(frame: &raddle_net::frame::Frame) -> Self {
        Self { seq: frame.seq, ack: frame.ack, size: frame.size() }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut as _;
    use raddle_net::frame::{Frame, FrameDecoder};
    use raddle_net::limits::ACK_FRAMES;

    use super::*;

    /// What reaches the other side over one connection that begins after frame `after`.
    fn carried(stream: &mut Stream, after: u64) -> Vec<Frame> {
        let mut decoder = FrameDecoder::new(FrameOptions { segment_checksums: false });
        decoder.set_expected(after + 1);
        let bytes = stream.take().unwrap().concat();
        let mut left = &bytes[..];
        while !left.is_empty() {
            let mut buffer = decoder.buffer();
            let part = left.len().min(buffer.remaining_mut());
            buffer.put_slice(&left[..part]);
            left = &left[part..];
        }
        std::iter::from_fn(|| decoder.next().unwrap()).collect()
    }

    fn words(frames: &[Frame]) -> Vec<u8> {
        frames.iter().flat_map(|frame| frame.messages::<u8>().unwrap()).collect()
    }

    fn heard(stream: &mut Stream, frame: &Frame) -> bool {
        stream.heard(Number::from(frame)).unwrap().is_new
    }

    #[test]
    fn what_was_lost_with_a_connection_is_said_again_on_the_next() {
        let (mut here, mut there) = (Stream::new(), Stream::new());
        let mut said = Vec::new();
        for word in 1..=3_u8 {
            here.push(&word).unwrap();
            said.extend(carried(&mut here, u64::from(word) - 1));
        }
        assert!(heard(&mut there, &said[0]));
        assert!(!here.has_words());
        here.push(&4_u8).unwrap();
        here.resume(there.received()).unwrap();
        let again = carried(&mut here, there.received());
        assert_eq!(
            (words(&again), again.iter().map(|frame| frame.seq).collect()),
            (vec![2, 3, 4], vec![2, 3, 4])
        );
        assert!(again.iter().all(|frame| heard(&mut there, frame)));
        assert!(!heard(&mut there, &said[1]), "it came before");
        there.push(&9_u8).unwrap();
        let answer = carried(&mut there, 0);
        assert!(heard(&mut here, &answer[0]));
        assert_eq!(here.kept(), 0, "the answer has acknowledged everything");
    }

    #[test]
    fn who_has_nothing_to_say_acknowledges_now_and_then() {
        let (mut here, mut there) = (Stream::new(), Stream::new());
        for number in 0..ACK_FRAMES as u64 {
            assert!(!there.has_words());
            here.push(&0_u8).unwrap();
            let frames = carried(&mut here, number);
            assert!(heard(&mut there, &frames[0]));
        }
        let acknowledgement = carried(&mut there, 0);
        assert_eq!(words(&acknowledgement), [0_u8; 0]);
        assert!(heard(&mut here, &acknowledgement[0]));
        assert_eq!((here.kept(), here.has_words()), (0, false));
    }
}
