//! Dask's policy: tasks of large groups without inputs are held back for slots; others go to the holder
//! of an input where they are estimated to start first; once a second idle workers take from saturated
//! ones. Times are in seconds, as there.

use std::collections::{BTreeMap, BTreeSet};

use crate::quality::engine::Planner;
use crate::quality::graph::Graph;
use crate::quality::view::{Knowledge, News, Order, View};

/// A duration that is not known.
const UNKNOWN: f64 = 0.5;
/// How much more than its slots a worker is given of what is held back.
const SATURATION: f64 = 1.1;
/// A second, in nanoseconds: the pause between two looks at who is idle.
const PAUSE: u64 = 1_000_000_000;
/// What it takes to move a task, beside its inputs.
const MOVE: f64 = 0.1;
/// From this level on, a task costs too much to move.
const LEVELS: usize = 15;

/// The policy.
pub(super) struct Dask {
    order: Vec<u64>,
    /// By function: how many tasks, and functions of their inputs.
    groups: Vec<(usize, BTreeSet<usize>)>,
    /// By function, if they are known from the beginning.
    means: Option<Vec<u64>>,
    queued: BTreeSet<(u64, usize)>,
    /// Tasks that are asked back: from whom, for whom.
    moving: BTreeMap<usize, (usize, usize)>,
    assigned: usize,
}

impl Dask {
    pub(super) fn new(graph: &Graph, order: &[u64], knowledge: Knowledge) -> Self {
        let mut groups = vec![(0, BTreeSet::new()); graph.functions()];
        for task in &graph.tasks {
            let group = &mut groups[task.function];
            group.0 += 1;
            group.1.extend(task.inputs.iter().map(|&input| graph.tasks[input].function));
        }
        let means = (knowledge == Knowledge::Exact).then(|| graph.means());
        let (queued, moving) = (BTreeSet::new(), BTreeMap::new());
        Self { order: order.to_vec(), groups, means, queued, moving, assigned: 0 }
    }

    fn seconds(&self, view: &View<'_>, task: usize) -> f64 {
        let function = view.graph.tasks[task].function;
        let known = self.means.as_ref().map(|means| means[function]);
        known.or_else(|| view.learned(task)).map_or(UNKNOWN, |nanos| nanos as f64 / 1e9)
    }

    fn is_rootish(&self, view: &View<'_>, task: usize) -> bool {
        let (count, inputs) = &self.groups[view.graph.tasks[task].function];
        let before: usize = inputs.iter().map(|&function| self.groups[function].0).sum();
        *count > 2 * view.cluster.workers * view.cluster.slots && inputs.len() < 5 && before < 5
    }

    fn occupancy(&self, view: &View<'_>, running: &BTreeSet<usize>, worker: usize) -> f64 {
        let bodies: f64 = running.iter().map(|&task| self.seconds(view, task)).sum();
        let inputs = running.iter().flat_map(|&task| &view.graph.tasks[task].inputs);
        let lacks = inputs.filter(|&&input| !view.holders[input].contains(&worker));
        let lacks: BTreeSet<usize> = lacks.copied().collect();
        let bytes: u64 = lacks.iter().map(|&input| view.graph.tasks[input].bytes).sum();
        bodies + bytes as f64 / view.cluster.bandwidth
    }

    fn transfer(view: &View<'_>, task: usize, worker: usize) -> f64 {
        view.missing_bytes(task, worker) as f64 / view.cluster.bandwidth
    }

    /// Where a task goes that is not held back.
    fn decide(&self, view: &View<'_>, running: &[BTreeSet<usize>], task: usize) -> usize {
        let inputs = &view.graph.tasks[task].inputs;
        let holders = inputs.iter().flat_map(|&input| view.holders[input].iter().copied());
        let holders: BTreeSet<usize> = holders.collect();
        let start = |&worker: &usize| {
            let occupancy = self.occupancy(view, &running[worker], worker);
            occupancy / view.cluster.slots as f64 + Self::transfer(view, task, worker)
        };
        if !holders.is_empty() {
            let best = holders.into_iter().min_by(|a, b| start(a).total_cmp(&start(b)));
            return best.unwrap_or(0);
        }
        let slots = view.cluster.slots;
        let mut pool: Vec<usize> =
            (0..view.cluster.workers).filter(|&worker| running[worker].len() < slots).collect();
        if pool.is_empty() {
            pool = (0..view.cluster.workers).collect();
        }
        let turn = pool[self.assigned % pool.len()];
        if pool.len() >= 20 {
            return turn;
        }
        let empty = |worker: &&usize| running[**worker].is_empty();
        let free: Vec<usize> = pool.iter().filter(empty).copied().collect();
        if free.is_empty() {
            pool.into_iter().min_by(|a, b| start(a).total_cmp(&start(b))).unwrap_or(turn)
        } else {
            free[self.assigned % free.len()]
        }
    }

    /// Idle workers, and saturated ones, the most occupied first.
    fn extremes(&self, view: &View<'_>, occupied: &[f64]) -> (BTreeSet<usize>, Vec<usize>) {
        let slots = view.cluster.slots as f64;
        let mean = occupied.iter().sum::<f64>() / (slots * occupied.len() as f64);
        let (mut idle, mut saturated) = (BTreeSet::new(), Vec::new());
        for (worker, occupancy) in occupied.iter().enumerate() {
            let tasks = view.running[worker].len() as f64;
            let pending = occupancy * (tasks - slots) / (tasks * slots);
            if tasks < slots || *occupancy < slots * mean / 2.0 {
                idle.insert(worker);
            } else if tasks > slots && pending > 0.4 && pending > 1.9 * mean {
                saturated.push(worker);
            }
        }
        if saturated.is_empty() {
            let busy = |&worker: &usize| {
                let is_more = view.running[worker].len() > view.cluster.slots;
                is_more && occupied[worker] > 0.2 && !idle.contains(&worker)
            };
            saturated = (0..occupied.len()).filter(busy).collect();
        }
        saturated.sort_by(|a, b| occupied[*b].total_cmp(&occupied[*a]));
        saturated.truncate(10);
        (idle, saturated)
    }

    /// How costly it is to move a task, from 0; `None` if too costly.
    fn level(&self, view: &View<'_>, task: usize) -> Option<usize> {
        let inputs = &view.graph.tasks[task].inputs;
        if inputs.is_empty() {
            return Some(0);
        }
        let bytes: u64 = inputs.iter().map(|&input| view.graph.tasks[input].bytes).sum();
        let moved = bytes as f64 / view.cluster.bandwidth + MOVE;
        let level = (moved / self.seconds(view, task)).log2().round() + 6.0;
        let level = level.max(1.0) as usize;
        (level < LEVELS).then_some(level)
    }

    /// Asks saturated workers for tasks that idle ones would begin sooner.
    fn balance(&mut self, view: &View<'_>, out: &mut Vec<Order>) {
        let occupancy = |worker: usize| self.occupancy(view, &view.running[worker], worker);
        let mut occupied: Vec<f64> = (0..view.cluster.workers).map(occupancy).collect();
        let (mut idle, saturated) = self.extremes(view, &occupied);
        if idle.len() == view.cluster.workers {
            return;
        }
        let mut counts: Vec<usize> = view.running.iter().map(BTreeSet::len).collect();
        let mut tasks: Vec<(usize, usize, usize)> = Vec::new();
        for (at, &victim) in saturated.iter().enumerate() {
            let levels =
                view.running[victim].iter().filter_map(|&t| Some((self.level(view, t)?, at, t)));
            tasks.extend(levels);
        }
        tasks.sort_unstable();
        for (_, at, task) in tasks {
            let victim = saturated[at];
            let score = |worker: usize| occupied[worker] + Self::transfer(view, task, worker);
            let thief = idle.iter().copied().min_by(|a, b| score(*a).total_cmp(&score(*b)));
            let Some(thief) = thief else { return };
            let seconds = self.seconds(view, task);
            let here = Self::transfer(view, task, victim) + seconds;
            let there = Self::transfer(view, task, thief) + seconds;
            let gains = occupied[thief] + there <= occupied[victim] - here / 2.0;
            if self.moving.contains_key(&task) || !gains {
                continue;
            }
            self.moving.insert(task, (victim, thief));
            out.push(Order::Recall { task });
            occupied[victim] -= here;
            occupied[thief] += there;
            counts[thief] += 1;
            if counts[thief] >= view.cluster.slots {
                idle.remove(&thief);
            }
        }
    }

    /// Hands out what is held back, while there are slots.
    fn fill(&mut self, view: &View<'_>, running: &mut [BTreeSet<usize>], out: &mut Vec<Order>) {
        let most = (SATURATION * view.cluster.slots as f64).ceil() as usize;
        while let Some(&(rank, task)) = self.queued.first() {
            let open = (0..running.len()).filter(|&worker| running[worker].len() < most);
            let Some(worker) = open.min_by_key(|&worker| running[worker].len()) else { return };
            self.queued.pop_first();
            self.assigned += 1;
            running[worker].insert(task);
            out.push(Order::Assign { task, worker, rank });
        }
    }
}

impl Planner for Dask {
    fn hear(&mut self, _: u64, news: News, _: bool, view: &View<'_>, out: &mut Vec<Order>) {
        let mut running = view.running.clone();
        match news {
            News::Begin => out.push(Order::Wake { nanos: PAUSE }),
            News::Woken => {
                self.balance(view, out);
                out.push(Order::Wake { nanos: PAUSE });
            }
            News::Answered { task, returned, .. } => {
                if let Some((_, worker)) = self.moving.remove(&task).filter(|_| returned) {
                    running[worker].insert(task);
                    out.push(Order::Assign { task, worker, rank: self.order[task] });
                }
            }
            News::Finished { task, .. } => {
                self.moving.remove(&task);
            }
            News::Fetched { .. } => {}
        }
        let mut ready = view.ready(news);
        ready.sort_by_key(|&task| self.order[task]);
        for task in ready {
            if self.is_rootish(view, task) {
                self.queued.insert((self.order[task], task));
            } else {
                let worker = self.decide(view, &running, task);
                self.assigned += 1;
                running[worker].insert(task);
                out.push(Order::Assign { task, worker, rank: self.order[task] });
            }
        }
        self.fill(view, &mut running, out);
    }
}
