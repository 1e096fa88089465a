//! List scheduling: of the tasks that can run, the one with the longest way to the end goes first, to
//! the worker with a free slot that lacks least of its inputs (`blevel-gt` of Estee).

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::quality::engine::Planner;
use crate::quality::view::{News, Order, View};

/// The policy.
#[derive(Default)]
pub(super) struct List {
    levels: Vec<u64>,
    ready: BTreeSet<(Reverse<u64>, usize)>,
}

impl Planner for List {
    fn hear(&mut self, _: u64, news: News, is_first: bool, view: &View<'_>, out: &mut Vec<Order>) {
        if news == News::Begin || is_first {
            self.levels = view.graph.tails(|task| view.nanos(task));
            let ready = std::mem::take(&mut self.ready);
            self.ready = ready.into_iter().map(|(_, t)| (Reverse(self.levels[t]), t)).collect();
        }
        let ready = view.ready(news).into_iter().map(|task| (Reverse(self.levels[task]), task));
        self.ready.extend(ready);
        let mut free: Vec<usize> = view
            .running
            .iter()
            .map(|tasks| view.cluster.slots.saturating_sub(tasks.len()))
            .collect();
        while let Some(&(level, task)) = self.ready.first() {
            let open = (0..free.len()).filter(|&worker| free[worker] > 0);
            let Some(worker) = open
                .min_by_key(|&worker| (view.missing_bytes(task, worker), Reverse(free[worker])))
            else {
                break;
            };
            free[worker] -= 1;
            self.ready.remove(&(level, task));
            // Unique, and in the order in which they were given out.
            let rank = (u64::MAX / 2 - level.0 / 2) / 65_536 * 65_536 + task as u64 % 65_536;
            out.push(Order::Assign { task, worker, rank });
        }
    }
}
