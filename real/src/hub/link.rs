//! What a hub needs from whoever carries its words: a real connection, or a run inside a worker.
//!
//! This module must not know sockets, workers or the client machine.

use std::sync::Arc;

use raddle_core::client::Route;
use raddle_net::messages::{ClientMessage, Item};

use super::Hub;
use crate::value::Value;

/// Carries the words and values of one [`Hub`]. The hub holds none of its locks while it calls.
pub(crate) trait Link: Send + Sync {
    /// There is something for [`Hub::flush`]. Said once; the next time only after a flush.
    fn wake(&self);

    /// Get the value of `item` (`nbytes` bytes) from the worker that listens at `address`, by this
    /// route; end with [`Hub::fetched`].
    fn pull(&self, hub: &Arc<Hub>, item: Item, nbytes: u64, address: Arc<str>, route: Route);

    /// Bring the scattered `value` to the worker at `address`, by this route; end with [`Hub::sent`].
    fn push(&self, hub: &Arc<Hub>, item: Item, value: Arc<Value>, address: Arc<str>, route: Route);

    /// The hub is gone, or closed by its user; these are its last words. Nothing follows them.
    fn farewell(&self, last: Vec<ClientMessage>);

    /// The body goes to sleep until a future of this hub is done. A run gives its slot back, and
    /// returns `true`; then `unblocked` follows, on any thread, before the body is polled again.
    fn blocked(&self) -> bool {
        false
    }

    /// The body of a run was woken and wants a slot again. The link says [`Hub::resumed`] when it
    /// has one, from within this call or later.
    fn unblocked(&self) {}
}

/// Carries nothing anywhere: for handles that stand for something until it has a hub.
pub(crate) struct Nowhere;

impl Link for Nowhere {
    fn wake(&self) {}

    fn pull(&self, _: &Arc<Hub>, _: Item, _: u64, _: Arc<str>, _: Route) {}

    fn push(&self, _: &Arc<Hub>, _: Item, _: Arc<Value>, _: Arc<str>, _: Route) {}

    fn farewell(&self, _: Vec<ClientMessage>) {}
}
