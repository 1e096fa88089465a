//! Work stealing as in RSDS: a task goes where least is to be moved, however much there is to do; when
//! workers have less to do than slots, those that have more give them of what they have not begun.

use crate::quality::engine::Planner;
use crate::quality::view::{News, Order, View};

/// The policy.
pub(super) struct Stealing {
    order: Vec<u64>,
    /// Where tasks that are asked back are to go.
    thieves: Vec<Option<usize>>,
    /// Tasks that were begun when they were asked back.
    kept: Vec<bool>,
}

impl Stealing {
    pub(super) fn new(order: &[u64]) -> Self {
        let count = order.len();
        Self { order: order.to_vec(), thieves: vec![None; count], kept: vec![false; count] }
    }

    /// Asks the most loaded for tasks that the least loaded could begin.
    fn balance(&mut self, view: &View<'_>, out: &mut Vec<Order>, extra: &mut [usize]) {
        let slots = view.cluster.slots;
        let count = |worker: usize, extra: &[usize]| view.running[worker].len() + extra[worker];
        let mut leaving = vec![0; view.cluster.workers];
        for (task, thief) in self.thieves.iter().enumerate() {
            if let (Some(thief), Some(victim)) = (thief, view.placed[task]) {
                extra[*thief] += 1;
                leaving[victim] += 1;
            }
        }
        while let Some(thief) = (0..view.cluster.workers)
            .filter(|&worker| count(worker, extra) < slots)
            .min_by_key(|&worker| count(worker, extra))
        {
            let has = |worker: usize| count(worker, extra) - leaving[worker];
            let rich = (0..view.cluster.workers).filter(|&worker| has(worker) > slots);
            let Some(victim) = rich.max_by_key(|&worker| has(worker)) else { return };
            let may_go = |&&task: &&usize| self.thieves[task].is_none() && !self.kept[task];
            let tasks = view.running[victim].iter().filter(may_go);
            let Some(&task) = tasks.max_by_key(|&&task| self.order[task]) else { return };
            self.thieves[task] = Some(thief);
            extra[thief] += 1;
            leaving[victim] += 1;
            out.push(Order::Recall { task });
        }
    }
}

impl Planner for Stealing {
    fn hear(&mut self, _: u64, news: News, _: bool, view: &View<'_>, out: &mut Vec<Order>) {
        let mut extra = vec![0; view.cluster.workers];
        if let News::Finished { task, .. } = news {
            self.thieves[task] = None;
        }
        if let News::Answered { task, returned, .. } = news {
            let thief = self.thieves[task].take();
            self.kept[task] = !returned;
            if let Some(worker) = thief.filter(|_| returned) {
                extra[worker] += 1;
                out.push(Order::Assign { task, worker, rank: self.order[task] });
            }
        }
        for task in view.ready(news) {
            let cost = |worker: &usize| {
                let has = view.running[*worker].len() + extra[*worker];
                (view.missing_bytes(task, *worker), has)
            };
            let worker = (0..view.cluster.workers).min_by_key(cost).unwrap_or(0);
            extra[worker] += 1;
            out.push(Order::Assign { task, worker, rank: self.order[task] });
        }
        self.balance(view, out, &mut extra);
    }
}
