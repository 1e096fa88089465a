//! The stream of one session, which outlives its connections: numbers, what is kept until the other
//! side has it, what is said again, and what is applied exactly once.
//!
//! Each side has an [`Outgoing`] and an [`Incoming`] half. When a connection breaks, both sides
//! keep theirs; whoever dials again tells in its hello how far its incoming half has come, the
//! other side answers with the same in its welcome, and both [`resume`](Outgoing::resume). This
//! module must not know sockets, nor what is carried: encoded frames here, lists of messages in the
//! simulation.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::error::SessionError;
use crate::limits::{ACK_BYTES, ACK_FRAMES, MAX_KEPT_BYTES, MAX_KEPT_FRAMES};

/// How much an [`Outgoing`] half keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Frames that were not acknowledged.
    pub frames: usize,
    /// Their bytes together.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { frames: MAX_KEPT_FRAMES, bytes: MAX_KEPT_BYTES }
    }
}

/// What this side says: numbered from 1, kept until it is acknowledged, and given to one connection
/// after the other.
#[derive(Clone, Debug)]
pub struct Outgoing<T> {
    bounds: Bounds,
    /// What was not acknowledged, in order, with its size.
    kept: VecDeque<(T, usize)>,
    /// The sizes together.
    bytes: usize,
    /// The number of the last frame that was acknowledged.
    acked: u64,
    /// How many of those kept the present connection was given.
    given: usize,
}

impl<T: Clone> Outgoing<T> {
    /// Nothing was said yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, kept: VecDeque::new(), bytes: 0, acked: 0, given: 0 }
    }

    /// Says `frame`, which has `bytes` bytes; returns its number.
    ///
    /// # Errors
    ///
    /// [`SessionError::TooMuchKept`]: the other side has acknowledged too little for too long. The
    /// session is to be given up.
    pub fn push(&mut self, frame: T, bytes: usize) -> Result<u64, SessionError> {
        if self.kept.len() >= self.bounds.frames || self.bytes + bytes > self.bounds.bytes {
            let (frames, bytes) = (self.kept.len(), self.bytes);
            return Err(SessionError::TooMuchKept { frames, bytes });
        }
        self.bytes += bytes;
        self.kept.push_back((frame, bytes));
        Ok(self.last())
    }

    /// The next frame for the present connection, if it was not given all of them.
    pub fn next_to_send(&mut self) -> Option<T> {
        let (frame, _) = self.kept.get(self.given)?;
        self.given += 1;
        Some(frame.clone())
    }

    /// Whether the present connection was given everything.
    #[must_use]
    pub fn all_given(&self) -> bool {
        self.given == self.kept.len()
    }

    /// The other side has everything up to number `ack`. An old acknowledgement says nothing new.
    ///
    /// # Errors
    ///
    /// [`SessionError::NeverSent`]: it cannot have.
    pub fn acknowledge(&mut self, ack: u64) -> Result<(), SessionError> {
        let sent = self.acked + self.given as u64;
        if ack > sent {
            return Err(SessionError::NeverSent { claimed: ack, sent });
        }
        self.forget(ack);
        Ok(())
    }

    /// A new connection, to a side that has everything up to number `received`: it is given what
    /// follows.
    ///
    /// # Errors
    ///
    /// [`SessionError::NotKept`] if that is not kept any more, [`SessionError::NeverSent`] if there
    /// never was as much. The session is over; nothing has changed.
    pub fn resume(&mut self, received: u64) -> Result<(), SessionError> {
        if received < self.acked {
            return Err(SessionError::NotKept { wanted: received + 1, first: self.acked + 1 });
        }
        if received > self.last() {
            return Err(SessionError::NeverSent { claimed: received, sent: self.last() });
        }
        self.forget(received);
        self.given = 0;
        Ok(())
    }

    /// The number of the last frame that was said, 0 if none was.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.acked + self.kept.len() as u64
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.bytes
    }

    fn forget(&mut self, upto: u64) {
        while self.acked < upto
            && let Some((_, bytes)) = self.kept.pop_front()
        {
            self.acked += 1;
            self.bytes -= bytes;
            self.given = self.given.saturating_sub(1);
        }
    }
}

/// What this side hears: each frame once, in order.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    /// The number of the last frame that came.
    received: u64,
    /// What came since the other side was last told so.
    frames: usize,
    bytes: usize,
}

impl Incoming {
    /// A frame of this number came, with so many bytes. `false`: it came before, and must not be
    /// applied again.
    ///
    /// # Errors
    ///
    /// [`SessionError::Gap`]: one before it is missing.
    pub fn receive(&mut self, number: u64, bytes: usize) -> Result<bool, SessionError> {
        if number <= self.received {
            return Ok(false);
        }
        if number != self.received + 1 {
            return Err(SessionError::Gap { expected: self.received + 1, found: number });
        }
        self.received = number;
        self.frames += 1;
        self.bytes += bytes;
        Ok(true)
    }

    /// The number of the last frame that came, 0 if none did: what the other side is to be told.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether so much came since the other side was last told that it must be told now, with a
    /// frame of its own if there is nothing else to say.
    #[must_use]
    pub fn is_ack_due(&self) -> bool {
        self.frames >= ACK_FRAMES || self.bytes >= ACK_BYTES
    }

    /// The other side is being told.
    pub fn acknowledged(&mut self) {
        (self.frames, self.bytes) = (0, 0);
    }
}
