//! Heterogeneous earliest finish time (Topcuoglu, Hariri, Wu, 2002): a whole schedule made before the
//! first task runs. Tasks by the longest way to the end, transfers included; each goes where it is
//! estimated to end first, into a gap if one is long enough.

use std::cmp::Reverse;

use crate::quality::engine::Planner;
use crate::quality::view::{News, Order, View};

/// The policy.
pub(super) struct Heft;

/// What a slot is to run, from when to when, in order.
type Slot = Vec<(u64, u64)>;

/// Where and when a task is to run.
#[derive(Clone, Copy, Default)]
struct Spot {
    start: u64,
    end: u64,
    worker: usize,
    slot: usize,
}

impl Planner for Heft {
    fn hear(&mut self, _: u64, news: News, _: bool, view: &View<'_>, out: &mut Vec<Order>) {
        if news != News::Begin {
            return;
        }
        let levels = levels(view);
        let mut tasks: Vec<usize> = (0..view.graph.tasks.len()).collect();
        tasks.sort_by_key(|&task| (Reverse(levels[task]), task));
        let mut slots = vec![vec![Slot::new(); view.cluster.slots]; view.cluster.workers];
        let mut spots = vec![Spot::default(); tasks.len()];
        for &task in &tasks {
            let spot = best(view, task, &spots, &slots);
            let slot = &mut slots[spot.worker][spot.slot];
            let at = slot.partition_point(|span| span.0 < spot.start);
            slot.insert(at, (spot.start, spot.end));
            spots[task] = spot;
        }
        tasks.sort_by_key(|&task| (spots[task].start, Reverse(levels[task]), task));
        for (rank, task) in (0..).zip(tasks) {
            out.push(Order::Assign { task, worker: spots[task].worker, rank });
        }
    }
}

/// The longest way to the end, with the mean time of transfers.
fn levels(view: &View<'_>) -> Vec<u64> {
    let workers = view.cluster.workers as u64;
    view.graph.tails(|task| {
        let bytes = view.graph.tasks[task].bytes;
        let is_used = !view.graph.users[task].is_empty();
        let transfer = view.cluster.nanos(bytes) * (workers - 1) / workers;
        view.nanos(task) + if is_used { transfer } else { 0 }
    })
}

fn best(view: &View<'_>, task: usize, spots: &[Spot], slots: &[Vec<Slot>]) -> Spot {
    let nanos = view.nanos(task);
    let mut best = Spot { end: u64::MAX, ..Spot::default() };
    for (worker, slots) in slots.iter().enumerate() {
        let arrives = |&input: &usize| {
            let bytes = view.graph.tasks[input].bytes;
            let away = spots[input].worker != worker;
            spots[input].end + if away { view.cluster.nanos(bytes) } else { 0 }
        };
        let from = view.graph.tasks[task].inputs.iter().map(arrives).max().unwrap_or(0);
        for (slot, spans) in slots.iter().enumerate() {
            let start = first_gap(spans, from, nanos);
            if start + nanos < best.end {
                best = Spot { start, end: start + nanos, worker, slot };
            }
        }
    }
    best
}

/// When a slot is first free for so long.
fn first_gap(spans: &Slot, from: u64, nanos: u64) -> u64 {
    let first = spans.partition_point(|span| span.1 <= from);
    let mut start = from;
    for span in &spans[first..] {
        if start + nanos <= span.0 {
            break;
        }
        start = start.max(span.1);
    }
    start
}
