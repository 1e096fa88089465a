//! A task goes anywhere, when its inputs are made.

use raddle_core::random::{below, hash};

use crate::quality::engine::Planner;
use crate::quality::view::{News, Order, View};

/// The policy.
pub(super) struct Random {
    order: Vec<u64>,
}

impl Random {
    pub(super) fn new(order: &[u64]) -> Self {
        Self { order: order.to_vec() }
    }
}

impl Planner for Random {
    fn hear(&mut self, _: u64, news: News, _: bool, view: &View<'_>, out: &mut Vec<Order>) {
        for task in view.ready(news) {
            let worker = below(hash(1, 0, task as u64, 0), view.cluster.workers as u64) as usize;
            out.push(Order::Assign { task, worker, rank: self.order[task] });
        }
    }
}
