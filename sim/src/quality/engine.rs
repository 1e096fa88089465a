//! The simulation: workers with slots, values that travel over shared links, words that take time, and
//! a policy that hears of it and decides.
//!
//! What is idealised, for all policies alike: deciding takes no time; a worker takes a value from any
//! holder there is, the one that sends least; a value is gone everywhere when its last user has ended;
//! a task that is assigned before its inputs are made finds them without asking anybody.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::cluster::{Cluster, LATENCY};
use super::graph::Graph;
use super::share::{Pair, shares};
use super::view::{Knowledge, News, Order, View};

/// Decides where tasks run.
pub(super) trait Planner {
    /// What is wanted, after these news, which the view knows already. `is_first`: a function's duration
    /// was learned that was not known.
    fn hear(&mut self, now: u64, news: News, is_first: bool, view: &View<'_>, out: &mut Vec<Order>);
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// When the last task ended, in nanoseconds.
    pub(super) makespan: u64,
    /// Bytes that went from worker to worker.
    pub(super) moved: u64,
    /// Most bytes of values that were held at a time, copies included.
    pub(super) peak: u64,
    /// When and where each task ran.
    pub(super) spans: Vec<Option<(u64, u64, usize)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A body ends.
    End(usize),
    /// Transfers go on; the number says whether this is still when one ends.
    Flow(u64),
    /// A transfer begins.
    Open(Pair),
    /// News reach the policy.
    Tell(usize),
    /// An order reaches a worker.
    Obey(usize),
}

/// A worker.
#[derive(Debug, Default)]
struct Worker {
    busy: usize,
    /// Tasks whose inputs are here, by rank.
    ready: BTreeSet<(u64, usize)>,
    /// Tasks that wait: their rank, and how many inputs lack.
    waiting: BTreeMap<usize, (u64, usize)>,
    /// Values that are wanted, by the rank of the most urgent task, and not on their way.
    wanted: BTreeSet<(u64, usize)>,
    /// Values that are here.
    held: BTreeSet<usize>,
}

/// A transfer.
#[derive(Debug)]
struct Flow {
    value: usize,
    left: f64,
    rate: f64,
    open: bool,
}

struct Engine<'a> {
    graph: &'a Graph,
    cluster: Cluster,
    now: u64,
    steps: BinaryHeap<Reverse<(u64, u64, Step)>>,
    planned: u64,
    news: Vec<News>,
    orders: Vec<Order>,
    workers: Vec<Worker>,
    /// Transfers by sender and receiver: one at a time for each pair.
    flows: BTreeMap<Pair, Flow>,
    flowed: u64,
    version: u64,
    /// Users of each value that have not ended.
    users: Vec<usize>,
    /// Workers whose wishes changed.
    restless: BTreeSet<usize>,
    held: u64,
    outcome: Outcome,
}

/// Runs a graph to its end.
///
/// # Panics
/// If the policy leaves a task out.
pub(super) fn run(
    graph: &Graph,
    cluster: Cluster,
    knowledge: Knowledge,
    planner: &mut dyn Planner,
) -> Outcome {
    let mut engine = Engine {
        graph,
        cluster,
        now: 0,
        steps: BinaryHeap::new(),
        planned: 0,
        news: Vec::new(),
        orders: Vec::new(),
        workers: (0..cluster.workers).map(|_| Worker::default()).collect(),
        flows: BTreeMap::new(),
        flowed: 0,
        version: 0,
        users: graph.users.iter().map(Vec::len).collect(),
        restless: BTreeSet::new(),
        held: 0,
        outcome: Outcome { spans: vec![None; graph.tasks.len()], ..Outcome::default() },
    };
    let mut view = View::new(graph, cluster, knowledge);
    engine.tell(0, News::Begin);
    let mut wanted = Vec::new();
    let mut ended = 0;
    while ended < graph.tasks.len() {
        let Some(Reverse((at, _, step))) = engine.steps.pop() else { panic!("a task is left out") };
        engine.flow(at);
        match step {
            Step::End(task) => {
                engine.end(task);
                ended += 1;
            }
            Step::Flow(version) => engine.arrive(version),
            Step::Open(pair) => engine.open(pair),
            Step::Obey(order) => engine.obey(engine.orders[order]),
            Step::Tell(news) => {
                let news = engine.news[news];
                let is_first = view.hear(news);
                planner.hear(engine.now, news, is_first, &view, &mut wanted);
                for order in wanted.drain(..) {
                    view.note(order);
                    engine.order(order);
                }
            }
        }
        engine.settle();
    }
    engine.outcome.makespan = engine.now;
    engine.outcome
}

impl Engine<'_> {
    fn plan(&mut self, at: u64, step: Step) {
        self.planned += 1;
        self.steps.push(Reverse((at, self.planned, step)));
    }

    fn tell(&mut self, after: u64, news: News) {
        self.news.push(news);
        self.plan(self.now + after, Step::Tell(self.news.len() - 1));
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Assign { .. } | Order::Recall { .. } | Order::Withdraw { .. } => {
                self.orders.push(order);
                self.plan(self.now + LATENCY, Step::Obey(self.orders.len() - 1));
            }
            Order::Wake { nanos } => self.tell(nanos.max(1), News::Woken),
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Assign { task, worker, rank } => self.assign(task, worker, rank),
            Order::Recall { task } => self.give_back(task),
            Order::Withdraw { task, worker } => {
                self.take_out(task, worker);
            }
            Order::Wake { .. } => unreachable!("that is no word to a worker"),
        }
    }

    fn assign(&mut self, task: usize, worker: usize, rank: u64) {
        let here = &mut self.workers[worker];
        let inputs = &self.graph.tasks[task].inputs;
        let lacks: Vec<usize> = inputs.iter().copied().filter(|i| !here.held.contains(i)).collect();
        if lacks.is_empty() {
            here.ready.insert((rank, task));
        } else {
            here.waiting.insert(task, (rank, lacks.len()));
            here.wanted.extend(lacks.into_iter().map(|input| (rank, input)));
        }
        self.restless.insert(worker);
    }

    /// Gives a task back, if it has not begun.
    fn give_back(&mut self, task: usize) {
        if self.outcome.spans[task].is_some_and(|(_, end, _)| end <= self.now) {
            return;
        }
        let back = (0..self.workers.len()).find(|&worker| self.take_out(task, worker));
        let runs = self.outcome.spans[task].map(|(_, _, worker)| worker);
        let worker = back.or(runs).expect("who is asked for a task was given it");
        self.tell(LATENCY, News::Answered { task, worker, returned: back.is_some() });
    }

    /// Takes a task that has not begun from a worker; says whether it was there.
    fn take_out(&mut self, task: usize, worker: usize) -> bool {
        let here = &mut self.workers[worker];
        if let Some(ready) = here.ready.iter().copied().find(|(_, other)| *other == task) {
            return here.ready.remove(&ready);
        }
        let Some((rank, _)) = here.waiting.remove(&task) else { return false };
        for input in &self.graph.tasks[task].inputs {
            here.wanted.remove(&(rank, *input));
        }
        true
    }

    fn end(&mut self, task: usize) {
        let (_, _, worker) = self.outcome.spans[task].expect("it began");
        self.workers[worker].busy -= 1;
        self.hold(task, worker);
        self.tell(LATENCY, News::Finished { task, worker });
        for i in 0..self.graph.tasks[task].inputs.len() {
            let input = self.graph.tasks[task].inputs[i];
            self.users[input] -= 1;
            if self.users[input] == 0 {
                self.drop_everywhere(input);
            }
        }
        // Whoever was given users of it before it was made asks for it now.
        let asks = |here: &Worker| here.wanted.iter().any(|&(_, value)| value == task);
        let workers = (0..).zip(&self.workers);
        self.restless.extend(workers.filter(|(_, here)| asks(here)).map(|(worker, _)| worker));
        self.restless.insert(worker);
    }

    fn drop_everywhere(&mut self, value: usize) {
        for here in &mut self.workers {
            if here.held.remove(&value) {
                self.held -= self.graph.tasks[value].bytes;
            }
        }
    }

    /// A value is on a worker: tasks come nearer.
    fn hold(&mut self, value: usize, worker: usize) {
        let here = &mut self.workers[worker];
        if !here.held.insert(value) {
            return;
        }
        self.held += self.graph.tasks[value].bytes;
        self.outcome.peak = self.outcome.peak.max(self.held);
        for user in &self.graph.users[value] {
            let Some((rank, lacks)) = here.waiting.get_mut(user) else { continue };
            here.wanted.remove(&(*rank, value));
            *lacks -= 1;
            if *lacks == 0 {
                here.ready.insert((*rank, *user));
                here.waiting.remove(user);
            }
        }
        self.restless.insert(worker);
    }

    /// Workers begin what they can.
    fn settle(&mut self) {
        for worker in std::mem::take(&mut self.restless) {
            while self.workers[worker].busy < self.cluster.slots {
                let Some((_, task)) = self.workers[worker].ready.pop_first() else { break };
                self.workers[worker].busy += 1;
                let end = self.now + self.graph.tasks[task].nanos;
                assert_eq!(self.outcome.spans[task], None, "a task runs once");
                self.outcome.spans[task] = Some((self.now, end, worker));
                self.plan(end, Step::End(task));
            }
            self.ask(worker);
        }
    }

    /// Asks for what is wanted, the most urgent first: one value at a time from each peer.
    fn ask(&mut self, worker: usize) {
        let coming: Vec<usize> = (0..self.cluster.workers)
            .filter_map(|from| Some(self.flows.get(&(from, worker))?.value))
            .collect();
        let mut asked: BTreeSet<usize> = coming.into_iter().collect();
        let wanted: Vec<usize> = self.workers[worker].wanted.iter().map(|&(_, v)| v).collect();
        for value in wanted {
            if asked.contains(&value) {
                continue;
            }
            let sends = |from: usize| self.flows.range((from, 0)..(from + 1, 0)).count();
            let free = |from: &usize| {
                self.workers[*from].held.contains(&value)
                    && !self.flows.contains_key(&(*from, worker))
            };
            let from = (0..self.cluster.workers).filter(free).min_by_key(|&from| sends(from));
            if let Some(from) = from {
                let left = self.graph.tasks[value].bytes as f64;
                self.flows.insert((from, worker), Flow { value, left, rate: 0.0, open: false });
                self.plan(self.now + 2 * LATENCY, Step::Open((from, worker)));
                asked.insert(value);
            }
        }
    }

    fn open(&mut self, pair: Pair) {
        let flow = self.flows.get_mut(&pair).expect("it was asked for");
        flow.open = true;
        self.share();
    }

    /// What is on its way has come nearer.
    fn flow(&mut self, now: u64) {
        let seconds = (now - self.flowed) as f64 / 1e9;
        for flow in self.flows.values_mut() {
            flow.left -= flow.rate * seconds;
        }
        (self.now, self.flowed) = (now, now);
    }

    /// Links are shared anew; the next transfer that ends is planned.
    fn share(&mut self) {
        let pairs: Vec<Pair> = self.open_flows().map(|(pair, _)| *pair).collect();
        let rates = shares(&pairs, self.cluster.workers, self.cluster.bandwidth);
        for (pair, rate) in pairs.into_iter().zip(rates) {
            self.flows.get_mut(&pair).expect("it is open").rate = rate;
        }
        self.version += 1;
        let ends = self.open_flows().map(|(_, flow)| flow.left.max(0.0) * 1e9 / flow.rate);
        if let Some(next) = ends.min_by(f64::total_cmp) {
            self.plan(self.now + next.ceil() as u64, Step::Flow(self.version));
        }
    }

    fn open_flows(&self) -> impl Iterator<Item = (&Pair, &Flow)> {
        self.flows.iter().filter(|(_, flow)| flow.open)
    }

    /// Transfers of which nothing is left end.
    fn arrive(&mut self, version: u64) {
        if version != self.version {
            return;
        }
        let ended = self.open_flows().filter(|(_, flow)| flow.left < 1.0).map(|(pair, _)| *pair);
        for pair in ended.collect::<Vec<Pair>>() {
            let Flow { value, .. } = self.flows.remove(&pair).expect("it was here");
            self.outcome.moved += self.graph.tasks[value].bytes;
            if self.users[value] > 0 {
                self.hold(value, pair.1);
                self.tell(LATENCY, News::Fetched { task: value, worker: pair.1 });
            }
            // The sender may be asked by others, and the receiver asks for more.
            self.restless.extend([pair.0, pair.1]);
        }
        self.share();
    }
}
