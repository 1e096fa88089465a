//! A seed becomes a plan. A pure function, so a seed is a run. In place of a seed, bytes may choose:
//! so a fuzzer finds its way through plans.
//!
//! It must not know how a plan is run.

mod disks;
mod rebalance;
mod style;
mod tasks;
mod wishes;

use raddle_core::random::{below, hash};
use raddle_net::names::Key;

use crate::fields::Switches;
use crate::limits::Limits;
use crate::plan::{Latency, Moment, Op, Place, Plan, Question, Step};

/// Streams of chance that belong to plans.
const PLAN: u64 = 0x706c_616e;
const HOT: u64 = 0x686f_7400;
const NESTS: u64 = 0x6e_6573;
const SERVES: u64 = 0x73_6572;

/// Hashed keys that every client may submit, with one recipe each.
const HOT_KEYS: u64 = 8;

/// How the tasks of one submission hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Not at all.
    Bag,
    /// One after another.
    Chain,
    /// Each on up to three earlier ones, of this or of earlier submissions.
    Random,
    /// Each of two, down to one.
    Tree,
    /// All of the first.
    FanOut,
    /// All of the first, and the last of all.
    Diamond,
    /// Each of the second half of all of the first.
    Shuffle,
}

const SHAPES: [Shape; 7] = [
    Shape::Bag,
    Shape::Chain,
    Shape::Random,
    Shape::Tree,
    Shape::FanOut,
    Shape::Diamond,
    Shape::Shuffle,
];

/// What a generated plan may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Tasks in all, about.
    pub tasks: u64,
    /// Whether workers die and join.
    pub faults: bool,
    /// Whether bodies fail, kill their worker, or submit tasks, and clients call tasks off.
    pub bodies: bool,
    /// Whether the seed also chooses among all this: how often what is done, the shapes of graphs,
    /// the network, the patience of the scheduler, keys that clients share. A tenth of the seeds is
    /// then without faults and failures, so that these hide nothing.
    pub swarm: bool,
}

/// What may happen next in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Ambush,
    Cancel,
    Clog,
    Copies,
    Cut,
    Goodbye,
    Hot,
    Join,
    Kill,
    Leave,
    Meddle,
    Pause,
    Query,
    Release,
    Rest,
    Retire,
    Scatter,
    Submit,
    Vanish,
}

/// Choices that are faults of processes and of the network.
const FAULTS: [Choice; 9] = [
    Choice::Ambush,
    Choice::Clog,
    Choice::Cut,
    Choice::Join,
    Choice::Kill,
    Choice::Leave,
    Choice::Meddle,
    Choice::Pause,
    Choice::Vanish,
];

/// Choices that are a user's.
const WISHES: [Choice; 7] = [
    Choice::Copies,
    Choice::Hot,
    Choice::Query,
    Choice::Release,
    Choice::Rest,
    Choice::Retire,
    Choice::Scatter,
];

/// What one plan is like: relative weights, and the network.
struct Style {
    choices: Vec<(Choice, u64)>,
    shapes: Vec<(Shape, u64)>,
    /// Of a thousand submissions, those that are partly released at once.
    hasty: u64,
    /// Time between operations, up to this, in microseconds.
    gap: u64,
    latency: Latency,
    bandwidth: u64,
    grace: u64,
    knobs: u64,
    serves: usize,
    patience: u64,
    /// Whether the only worker has one thread.
    single: bool,
    switches: Switches,
    /// Whether memory may be limited.
    limits_memory: bool,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn from_seed(seed: u64, mix: Mix) -> Self {
        Generator::new(Chance::Seed, seed, mix).generate()
    }

    /// The plan that these bytes choose. With their last one its operations end.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8], mix: Mix) -> Self {
        let seed = choose(&mut bytes, 1 << 16);
        Generator::new(Chance::Bytes(bytes), seed, mix).generate()
    }
}

impl Style {
    fn plain(mix: Mix) -> Self {
        let mut choices = vec![(Choice::Release, 1), (Choice::Scatter, 1), (Choice::Submit, 6)];
        if mix.faults {
            choices.extend([(Choice::Kill, 1), (Choice::Join, 1)]);
        }
        if mix.bodies {
            choices.push((Choice::Cancel, 1));
        }
        let shapes = [Shape::Bag, Shape::Chain, Shape::Random, Shape::Tree];
        Self {
            choices,
            shapes: shapes.map(|shape| (shape, 1)).into(),
            hasty: 0,
            gap: 3_000,
            latency: Latency::default(),
            bandwidth: 0,
            grace: 0,
            knobs: 0,
            serves: 0,
            patience: 0,
            single: false,
            switches: Switches::default(),
            limits_memory: false,
        }
    }
}

/// What chooses.
#[derive(Clone, Copy)]
enum Chance<'a> {
    /// These bytes, one after the other.
    Bytes(&'a [u8]),
    /// A hash of the seed and of how often was drawn.
    Seed,
}

struct Generator<'a> {
    chance: Chance<'a>,
    seed: u64,
    mix: Mix,
    drawn: u64,
    numbers: Vec<u64>,
    known: Vec<Vec<Key>>,
    switches: Switches,
}

impl<'a> Generator<'a> {
    fn new(chance: Chance<'a>, seed: u64, mix: Mix) -> Self {
        let switches = Switches::default();
        Self { chance, seed, mix, drawn: 0, numbers: vec![], known: vec![], switches }
    }

    fn generate(mut self) -> Plan {
        let style = if self.mix.swarm { self.style() } else { Style::plain(self.mix) };
        // The style may leave faults out.
        let (seed, mix) = (self.seed, self.mix);
        let mut plan = self.plan(&style);
        if mix.swarm {
            wishes::add(&mut plan, seed, mix.faults, mix.bodies);
            rebalance::add(&mut plan, seed);
        }
        plan
    }

    fn draw(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        match &mut self.chance {
            Chance::Bytes(bytes) => choose(bytes, bound),
            Chance::Seed => below(hash(self.seed, PLAN, 0, self.drawn), bound),
        }
    }

    /// Whether nothing is left to choose from.
    fn is_spent(&self) -> bool {
        matches!(self.chance, Chance::Bytes([]))
    }

    /// One of these, by their weights.
    fn pick<T: Copy>(&mut self, weighted: &[(T, u64)]) -> T {
        let mut left = self.draw(weighted.iter().map(|(_, weight)| weight).sum());
        for &(what, weight) in weighted {
            match left.checked_sub(weight) {
                Some(rest) => left = rest,
                None => return what,
            }
        }
        unreachable!("drawn below the sum of the weights")
    }

    fn plan(mut self, style: &Style) -> Plan {
        let workers = match style.single {
            true => vec![1],
            false => (0..=self.draw(4)).map(|_| 1 + self.draw(3) as u32).collect(),
        };
        let clients = 1 + self.draw(3) as usize;
        self.switches = style.switches;
        let gpus = self.switches.gpus(self.seed);
        (self.numbers, self.known) = (vec![0; clients], vec![Vec::new(); clients]);
        let (mut at, mut submitted, mut ops) = (0, 0, Vec::new());
        let mut push = |at, op| ops.push(Step { id: ops.len() as u32 + 1, at, op });
        while submitted < self.mix.tasks && !self.is_spent() {
            at += self.draw(style.gap);
            let client = self.draw(clients as u64) as usize;
            let op = self.op(client, style);
            let tasks = if let Op::Submit(_, tasks) = &op { tasks.len() } else { 0 };
            submitted += tasks as u64;
            push(at, op);
            if tasks > 0 && self.draw(1_000) < style.hasty {
                at += self.draw(300);
                push(at, Op::Release(client, self.some(client, true)));
            }
        }
        let Style { latency, bandwidth, grace, knobs, serves, patience, .. } = *style;
        let memory = Vec::new();
        let mut plan = Plan {
            workers,
            clients,
            latency,
            bandwidth,
            grace,
            knobs,
            serves,
            patience,
            gpus,
            memory,
            limits: Limits::default(),
            ops,
        };
        // Who alone may run a task must not rest, nor leave.
        if plan.holds_workers_back() {
            for task in plan.submitted_mut() {
                task.fields.workers.clear();
                task.fields.gpu = 0;
            }
        }
        if style.limits_memory && self.mix.faults && self.mix.bodies {
            plan.limit_memory(self.seed);
            plan.limit(self.seed);
        }
        if style.limits_memory && self.mix.faults {
            disks::spoil(&mut plan, self.seed);
        }
        plan
    }

    fn op(&mut self, client: usize, style: &Style) -> Op {
        match self.pick(&style.choices) {
            Choice::Ambush => {
                let moment = Moment::ALL[self.draw(Moment::ALL.len() as u64) as usize];
                let nth = 1 + self.draw(6);
                Op::Ambush(moment, if moment.is_rare() { nth.div_ceil(3) } else { nth })
            }
            Choice::Cancel => Op::Cancel(client, self.some(client, false)),
            Choice::Clog => {
                let (from, to) = (self.place(client), self.place(client));
                Op::Clog(from, to, self.standstill())
            }
            Choice::Cut => {
                let away = match self.draw(3) {
                    0 => self.standstill(),
                    // About as long as is waited for it.
                    1.. => style.grace * 8 / 10 + self.draw(style.grace * 4 / 10 + 1_000),
                };
                Op::Cut(self.place(client), self.standstill(), away)
            }
            Choice::Copies => {
                let key = self.some(client, false).first().copied().unwrap_or_default();
                let copies = [1, 2, 3, u32::MAX][self.draw(4) as usize];
                Op::Query(client, Question::Copies(key, copies))
            }
            Choice::Goodbye => Op::Goodbye(client),
            Choice::Hot => Op::Submit(client, self.hot(client)),
            Choice::Join => Op::Join(1 + self.draw(3) as u32),
            Choice::Kill => Op::Kill(self.draw(8) as usize),
            Choice::Leave => Op::Leave(self.draw(8) as usize),
            Choice::Meddle => Op::Meddle(self.draw(1_000_000)),
            Choice::Pause => Op::Pause(self.draw(8) as usize, self.standstill()),
            Choice::Query => Op::Query(client, self.question(client)),
            Choice::Release => Op::Release(client, self.some(client, true)),
            Choice::Rest => {
                let (worker, rests) = (self.draw(8) as usize, self.draw(2) == 0);
                Op::Query(client, Question::Rest(worker, rests))
            }
            Choice::Retire => Op::Query(client, Question::Retire(self.draw(8) as usize)),
            Choice::Scatter => Op::Scatter(client, self.scattered(client)),
            Choice::Submit => Op::Submit(client, self.graph(client, &style.shapes)),
            Choice::Vanish => Op::Vanish(client),
        }
    }

    /// How long something stands still, in microseconds: often about as long as other things take.
    fn standstill(&mut self) -> u64 {
        let most = [300, 3_000, 30_000, 300_000][self.draw(4) as usize];
        1 + self.draw(most)
    }

    fn place(&mut self, client: usize) -> Place {
        match self.draw(4) {
            0 => Place::Client(client),
            1 => Place::Scheduler,
            2.. => Place::Worker(self.draw(8) as usize),
        }
    }

    fn question(&mut self, client: usize) -> Question {
        match (self.draw(6), self.some(client, false).first()) {
            (0, _) => Question::Info,
            (1, _) => Question::Events,
            (2, _) => Question::Say,
            (3, _) | (_, None) => Question::Workers,
            (_, Some(key)) => Question::Explain(*key),
        }
    }

    /// Up to four keys that the client holds; taken from it if it `drops` them.
    fn some(&mut self, client: usize, drops: bool) -> Vec<Key> {
        let count = 1 + self.draw(4);
        let mut keys = Vec::new();
        for _ in 0..count.min(self.known[client].len() as u64) {
            let at = self.draw(self.known[client].len() as u64) as usize;
            let key = self.known[client][at];
            if drops {
                self.known[client].swap_remove(at);
            }
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }
}

/// Takes a number below `bound` from the bytes: one byte if that is enough, else two, which stand for
/// numbers all over the range. What is not there is 0.
fn choose(bytes: &mut &[u8], bound: u64) -> u64 {
    let mut byte = || {
        let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
        *bytes = rest;
        u64::from(*first)
    };
    if bound <= 256 {
        return byte() % bound;
    }
    let number = byte() | byte() << 8;
    if bound <= 1 << 16 { number % bound } else { below(hash(number, PLAN, 0, 0), bound) }
}
