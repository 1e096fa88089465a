//! What one event touched, noted by the one writer.
//!
//! This module must not know what is checked of it.

use raddle_net::names::{RunId, WorkerId};

use crate::touched::Log;

/// What one event touched.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Runs that came, went or are in another state.
    pub runs: Log<RunId>,
    /// Data that came, went or are in another state.
    pub data: Log<RunId>,
    /// Data that have another user, or one less.
    pub used: Log<RunId>,
    /// Peers that may be asked now, or may not.
    pub peers: Log<WorkerId>,
}

impl Touched {
    /// Remembers what is touched from here on, if it is on.
    pub fn new(is_on: bool) -> Self {
        Self {
            runs: Log::new(is_on),
            data: Log::new(is_on),
            used: Log::new(is_on),
            peers: Log::new(is_on),
        }
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        let Self { runs, data, used, peers } = self;
        runs.clear();
        data.clear();
        used.clear();
        peers.clear();
    }
}
