//! Values on their way to the client: one request at a time to each worker, of many values each.
//!
//! This module must not know how a value travels.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use raddle_core::client::Route;
use raddle_net::messages::Item;

use crate::hub::{Hub, lock};
use crate::transfer::{Peers, pull_ends};

/// Values of one request.
const MAX_ITEMS: usize = 256;
/// Bytes of one request, unless its first value alone has more.
const MAX_BYTES: u64 = 16 << 20;

/// What is still to be pulled, by the address of the worker and the way there. A worker is here as long as somebody
/// pulls from it.
pub(super) struct Pulls {
    peers: Arc<Peers>,
    queues: Mutex<BTreeMap<Way, Queue>>,
}

/// A worker, and how to come there.
pub(super) type Way = (Arc<str>, Route);

/// Items with their sizes in bytes.
type Queue = VecDeque<(Item, u64)>;

impl Pulls {
    /// Nothing to pull yet; it is pulled over the connections of `peers`.
    pub(super) const fn new(peers: Arc<Peers>) -> Self {
        Self { peers, queues: Mutex::new(BTreeMap::new()) }
    }

    /// One more. `true`: nobody pulls from that worker; [`Self::run`] must be.
    pub(super) fn add(&self, way: &Way, item: Item, nbytes: u64) -> bool {
        let mut queues = lock(&self.queues);
        let new = !queues.contains_key(way);
        queues.entry(way.clone()).or_default().push_back((item, nbytes));
        new
    }

    /// Pulls from one worker until nothing is left.
    pub(super) async fn run(&self, hub: &Arc<Hub>, way: &Way) {
        while let Some((items, nbytes)) = self.next(way) {
            let pulled = self.peers.pull_values((&way.0, way.1), &items, nbytes).await;
            hub.fetched(pull_ends(&items, pulled));
        }
    }

    /// The next request, and its bytes together.
    fn next(&self, way: &Way) -> Option<(Vec<Item>, u64)> {
        let mut queues = lock(&self.queues);
        let queue = queues.get_mut(way)?;
        let (mut items, mut total) = (Vec::new(), 0_u64);
        while let Some(&(item, nbytes)) = queue.front() {
            let sum = total.saturating_add(nbytes);
            if !items.is_empty() && (sum > MAX_BYTES || items.len() == MAX_ITEMS) {
                break;
            }
            queue.pop_front();
            items.push(item);
            total = sum;
        }
        if items.is_empty() {
            queues.remove(way);
            return None;
        }
        Some((items, total))
    }
}
