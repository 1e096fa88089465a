//! What each client saw of its futures in the end: what runs of different worlds must agree on.
//!
//! It must not know how a future came to what it is.

use std::collections::BTreeMap;

use raddle_net::names::Key;

use crate::client::Seen;
use crate::world::World;

/// How a future ended, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It will have no value.
    Erred,
    /// With this value.
    Value(u64),
}

/// How each future of each client ended that was held when everything had settled.
pub type History = Vec<BTreeMap<Key, End>>;

impl World {
    /// Everything has settled: what does each client see?
    pub(crate) fn note_history(&mut self) {
        let ends = self.clients.iter().map(|client| {
            let ends = client.seen().filter_map(|(key, seen)| match seen {
                Seen::Done | Seen::Pending => None,
                Seen::Erred => Some((key, End::Erred)),
                Seen::Value(value) => Some((key, End::Value(value))),
            });
            ends.collect()
        });
        self.history = ends.collect();
    }
}
