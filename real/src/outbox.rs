//! What is said to one peer in its session, and heard from it: many encode into it, one task writes
//! it out, as long as there is a connection.
//!
//! A wake-up costs one write, however many words were said before it. This module must not know
//! what the words mean.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use raddle_net::error::{EncodeError, SessionError};
use serde::Serialize;

use crate::conn::{ConnError, FrameWriter};
use crate::rt::Notify;
use crate::stream::{Heard, Number, Stream};

/// The words for one peer.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    /// There is something to write, or the end.
    ready: Notify,
}

#[derive(Debug)]
struct State {
    stream: Stream,
    /// Which connection is the present one: another may not take any words.
    link: u64,
    /// Nothing more will be said.
    closed: bool,
}

impl Outbox {
    /// Nothing to say yet, and no connection.
    pub(crate) fn new() -> Self {
        let state = State { stream: Stream::new(), link: 0, closed: false };
        Self { state: Mutex::new(state), ready: Notify::new() }
    }

    /// From now on connection `link` carries the words, to a peer that has everything up to frame
    /// `received`. Returns the last frame that was heard from it.
    pub(crate) fn attach(&self, link: u64, received: u64) -> Result<u64, SessionError> {
        let mut state = self.lock();
        state.stream.resume(received)?;
        state.link = link;
        Ok(state.stream.received())
    }

    /// Says `message`, to be sent with what else is said before [`wake`](Self::wake).
    pub(crate) fn push<M: Serialize>(&self, message: &M) -> Result<(), EncodeError> {
        self.lock().stream.push(message)
    }

    /// A frame was heard.
    pub(crate) fn heard(&self, number: Number) -> Result<Heard, SessionError> {
        self.lock().stream.heard(number)
    }

    /// Has the writer write what was said.
    pub(crate) fn wake(&self) {
        self.ready.notify_one();
    }

    /// Says that this side is there.
    pub(crate) fn beat(&self) {
        self.lock().stream.beat();
        self.wake();
    }

    /// The last frame that was heard, 0 if none.
    pub(crate) fn received(&self) -> u64 {
        self.lock().stream.received()
    }

    /// Bytes that were said and that the peer may not have.
    pub(crate) fn kept(&self) -> usize {
        self.lock().stream.kept()
    }

    /// Nothing more will be said: the session ends, and the writer once all is written.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.stream.end();
        state.closed = true;
        self.ready.notify_one();
    }

    /// Writes what is said to connection `link`, until [`close`](Self::close) or until there is
    /// another.
    pub(crate) async fn drain(&self, link: u64, mut writer: FrameWriter) -> Result<(), ConnError> {
        loop {
            match self.take(link)? {
                Next::Write(chunks) => writer.write_chunks(chunks).await?,
                Next::Wait => self.ready.notified().await,
                Next::End => return Ok(()),
            }
        }
    }

    fn take(&self, link: u64) -> Result<Next, SessionError> {
        let mut state = self.lock();
        if state.link != link {
            return Ok(Next::End);
        }
        let chunks = state.stream.take()?;
        Ok(match (chunks.is_empty(), state.closed) {
            (true, true) => Next::End,
            (true, false) => Next::Wait,
            (false, _) => Next::Write(chunks),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Next {
    Write(Vec<Bytes>),
    Wait,
    End,
}
