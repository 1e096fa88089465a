//! What is to be said on one connection: many encode into it, one task writes it out.
//!
//! A wake-up costs one write, however many words were said before it. This module must not know
//! what the words mean.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use raddle_net::error::EncodeError;
use raddle_net::frame::{FrameEncoder, FrameOptions};
use serde::Serialize;

use crate::conn::{ConnError, FrameWriter};
use crate::rt::Notify;

/// The words for one peer.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    /// There is something to write, or the end.
    ready: Notify,
}

#[derive(Debug)]
struct State {
    encoder: FrameEncoder,
    /// Bytes that the writer has taken and not yet written.
    taken: usize,
    /// Nothing more will be said.
    closed: bool,
}

impl Outbox {
    /// Nothing to say yet, in frames of these options.
    pub(crate) fn new(options: FrameOptions) -> Self {
        let encoder = FrameEncoder::new(options);
        Self { state: Mutex::new(State { encoder, taken: 0, closed: false }), ready: Notify::new() }
    }

    /// Says `message`, to be sent with what else is said before [`wake`](Self::wake).
    pub(crate) fn push<M: Serialize>(&self, message: &M) -> Result<(), EncodeError> {
        self.lock().encoder.push(message)
    }

    /// Has the writer write what was said.
    pub(crate) fn wake(&self) {
        self.ready.notify_one();
    }

    /// Bytes that were said and not yet written.
    pub(crate) fn unsent(&self) -> usize {
        let state = self.lock();
        state.taken + state.encoder.len()
    }

    /// Nothing more will be said: the writer ends once all is written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    /// Writes what is said, until [`close`](Self::close).
    pub(crate) async fn drain(&self, mut writer: FrameWriter) -> Result<(), ConnError> {
        loop {
            match self.take() {
                Next::Write(chunks) => writer.write_chunks(chunks).await?,
                Next::Wait => self.ready.notified().await,
                Next::End => return Ok(()),
            }
        }
    }

    fn take(&self) -> Next {
        let mut state = self.lock();
        state.taken = state.encoder.len();
        match (state.taken, state.closed) {
            (0, true) => Next::End,
            (0, false) => Next::Wait,
            (_, _) => Next::Write(state.encoder.take()),
        }
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
