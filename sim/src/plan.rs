//! A seed becomes a plan: a list of timed operations. A pure function, so a seed is a run.

use raddle_core::random::{below, hash};
use raddle_net::names::{Key, Session};

use crate::body::Body;

/// What a run does from outside, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Threads of each worker that is there from the start.
    pub workers: Vec<u32>,
    /// How many clients there are.
    pub clients: usize,
    /// Operations with their times in microseconds, ascending.
    pub ops: Vec<(u64, Op)>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// The client calls these futures off.
    Cancel(usize, Vec<Key>),
    /// A worker with so many threads joins.
    Join(u32),
    /// The worker with this number, of those alive, dies.
    Kill(usize),
    /// The client drops these futures.
    Release(usize, Vec<Key>),
    /// The client puts data on a worker.
    Scatter(usize, TaskDef),
    /// The client submits these tasks in one call.
    Submit(usize, Vec<TaskDef>),
}

/// A task of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskDef {
    /// Its key.
    pub key: Key,
    /// Tasks whose values it needs.
    pub dependencies: Vec<Key>,
    /// What it does.
    pub body: Body,
    /// Failures that it may have.
    pub retries: u32,
    /// The user's priority.
    pub priority: i32,
    /// Whether it is data that the client sends.
    pub scattered: bool,
}

impl TaskDef {
    /// Whether it is data that a client sends.
    #[must_use]
    pub fn is_scattered(&self) -> bool {
        self.scattered
    }

    /// Its value, given those of its inputs.
    #[must_use]
    pub fn evaluate(&self, inputs: Vec<u64>) -> u64 {
        let children = (0..self.body.children).map(|n| self.body.child(n).value([]));
        self.body.value(inputs.into_iter().chain(children))
    }
}

/// How the tasks of one submission hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Not at all.
    Bag,
    /// One after another.
    Chain,
    /// Each on up to three earlier ones, of this or of earlier submissions.
    Random,
    /// Each of two, down to one.
    Tree,
}

/// What a generated plan contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Tasks in all, about.
    pub tasks: u64,
    /// Whether workers die and join.
    pub faults: bool,
    /// Whether bodies fail, kill their worker, or submit tasks.
    pub bodies: bool,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn from_seed(seed: u64, mix: Mix) -> Self {
        Generator { seed, mix, drawn: 0, numbers: Vec::new(), known: Vec::new() }.plan()
    }
}

struct Generator {
    seed: u64,
    mix: Mix,
    drawn: u64,
    numbers: Vec<u64>,
    known: Vec<Vec<Key>>,
}

impl Generator {
    fn draw(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        below(hash(self.seed, 0x706c_616e, 0, self.drawn), bound)
    }

    fn plan(mut self) -> Plan {
        let workers = (0..=self.draw(4)).map(|_| 1 + self.draw(3) as u32).collect();
        let clients = 1 + self.draw(3) as usize;
        (self.numbers, self.known) = (vec![0; clients], vec![Vec::new(); clients]);
        let (mut at, mut submitted, mut ops) = (0, 0, Vec::new());
        while submitted < self.mix.tasks {
            at += self.draw(3_000);
            let client = self.draw(clients as u64) as usize;
            let op = self.op(client);
            if let Op::Submit(_, tasks) = &op {
                submitted += tasks.len() as u64;
            }
            ops.push((at, op));
        }
        Plan { workers, clients, ops }
    }

    fn op(&mut self, client: usize) -> Op {
        match self.draw(12) {
            0 if self.mix.faults => Op::Kill(self.draw(8) as usize),
            1 if self.mix.faults => Op::Join(1 + self.draw(3) as u32),
            2 => Op::Release(client, self.some(client, true)),
            3 if self.mix.bodies => Op::Cancel(client, self.some(client, false)),
            4 => Op::Scatter(client, self.scattered(client)),
            0..=11 => Op::Submit(client, self.graph(client)),
            12.. => unreachable!("drawn below 12"),
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

    fn key(&mut self, client: usize) -> Key {
        self.numbers[client] += 1;
        let key = Key::numbered(Session::truncate(client as u64 + 1), self.numbers[client]);
        self.known[client].push(key);
        key
    }

    fn scattered(&mut self, client: usize) -> TaskDef {
        let key = self.key(client);
        let body = Body { salt: self.draw(u64::MAX), nbytes: self.nbytes(), ..Body::default() };
        TaskDef { key, body, scattered: true, ..TaskDef::default() }
    }

    fn nbytes(&mut self) -> u32 {
        if self.draw(2) == 0 { 8 } else { 65 + self.draw(5_000_000) as u32 }
    }

    fn graph(&mut self, client: usize) -> Vec<TaskDef> {
        let shapes = [Shape::Bag, Shape::Chain, Shape::Random, Shape::Tree];
        let shape = shapes[self.draw(4) as usize];
        let size = 1 + self.draw(24) as usize;
        let before: Vec<Key> = self.known[client].clone();
        let mut tasks: Vec<TaskDef> = Vec::new();
        for i in 0..size {
            let dependencies = match shape {
                Shape::Bag => Vec::new(),
                Shape::Chain => tasks.last().map(|task| task.key).into_iter().collect(),
                Shape::Random => self.three_of(&before, &tasks),
                Shape::Tree if i * 2 < size => Vec::new(),
                Shape::Tree => {
                    let left = (i - size.div_ceil(2)) * 2;
                    tasks[left..(left + 2).min(i)].iter().map(|task| task.key).collect()
                }
            };
            let task = self.task(client, dependencies);
            tasks.push(task);
        }
        tasks
    }

    fn three_of(&mut self, before: &[Key], tasks: &[TaskDef]) -> Vec<Key> {
        let all = before.len() + tasks.len();
        let count = self.draw(4).min(all as u64);
        let mut keys = Vec::new();
        for _ in 0..count {
            let at = self.draw(all as u64) as usize;
            keys.push(before.get(at).copied().unwrap_or_else(|| tasks[at - before.len()].key));
        }
        keys
    }

    fn task(&mut self, client: usize, dependencies: Vec<Key>) -> TaskDef {
        let mut body = Body {
            salt: self.draw(u64::MAX),
            nbytes: self.nbytes(),
            micros: self.draw(2_000) as u32,
            ..Body::default()
        };
        let retries = self.draw(3) as u32;
        if self.mix.bodies {
            match self.draw(40) {
                0 => body.failures = u8::MAX,
                1 | 2 => body.failures = retries as u8,
                3 => body.poison = true,
                4 | 5 => body.children = 1 + self.draw(3) as u8,
                6.. => {}
            }
        }
        let priority = self.draw(3) as i32 - 1;
        TaskDef { key: self.key(client), dependencies, body, retries, priority, scattered: false }
    }
}
