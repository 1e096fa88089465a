//! What is going to happen: deliveries by their time, and in the order they were put in within one.
//!
//! It must not know what is delivered.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use raddle_core::time::Instant;

use crate::world::Delivery;

/// Deliveries by time.
///
/// The heap orders small entries; the deliveries themselves stay where they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    /// Time and turn as one number, since that is compared faster; and the place of the delivery.
    heap: BinaryHeap<Reverse<(u128, usize)>>,
    deliveries: Vec<Option<Delivery>>,
    free: Vec<usize>,
    put: u64,
}

impl Queue {
    pub(crate) fn put(&mut self, at: Instant, delivery: Delivery) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.deliveries[slot] = Some(delivery);
                slot
            }
            None => {
                self.deliveries.push(Some(delivery));
                self.deliveries.len() - 1
            }
        };
        self.put += 1;
        let turn = u128::from(at.as_nanos()) << 64 | u128::from(self.put);
        self.heap.push(Reverse((turn, slot)));
    }

    /// The earliest.
    pub(crate) fn take(&mut self) -> Option<(Instant, Delivery)> {
        let Reverse((turn, slot)) = self.heap.pop()?;
        let at = Instant::from_nanos((turn >> 64) as u64);
        self.free.push(slot);
        let delivery = self.deliveries[slot].take().expect("an entry of the heap has a delivery");
        Some((at, delivery))
    }
}
