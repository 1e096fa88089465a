//! Large plans of few sorts: a seed becomes many submissions of regular graphs, dropped some time
//! later, with or without faults. For speed, size and long simulated time.
//!
//! It must not know how a plan is run.

use std::ops::Range;

use raddle_core::random::{below, hash};
use raddle_net::names::{Key, Session};

use crate::body::Body;
use crate::fields::Fields;
use crate::limits::Limits;
use crate::plan::{Latency, Moment, Op, Place, Plan, Question, Step, TaskDef};

/// The stream of chance that belongs to large plans.
const BULK: u64 = 0x6275_6c6b;

/// How the tasks of one submission hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Not at all.
    Bag,
    /// Ten in a row each.
    Chains,
    /// Of every ten, all but the first need the first.
    Fans,
    /// Every eleventh needs the ten before it.
    Merge,
    /// Each of two, down to one.
    Tree,
}

impl Shape {
    pub(crate) const ALL: [Self; 5] =
        [Self::Bag, Self::Chains, Self::Fans, Self::Merge, Self::Tree];

    /// The tasks, by their place in the submission, that the `i`-th of `size` needs.
    fn inputs(self, i: usize, size: usize) -> Range<usize> {
        match self {
            Self::Bag => 0..0,
            Self::Chains if i.is_multiple_of(10) => 0..0,
            Self::Chains => i - 1..i,
            Self::Fans if i.is_multiple_of(10) => 0..0,
            Self::Fans => i - i % 10..i - i % 10 + 1,
            Self::Merge if i % 11 == 10 => i - 10..i,
            Self::Merge => 0..0,
            Self::Tree if i * 2 < size => 0..0,
            Self::Tree => {
                let left = (i - size.div_ceil(2)) * 2;
                left..(left + 2).min(i)
            }
        }
    }
}

/// What a large plan is like. Times are in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Bulk {
    pub(crate) workers: usize,
    /// Threads of each.
    pub(crate) threads: u32,
    pub(crate) clients: usize,
    /// Tasks in all, about.
    pub(crate) tasks: u64,
    /// Tasks of a submission.
    pub(crate) size: usize,
    pub(crate) shapes: Vec<Shape>,
    /// From one submission to the next.
    pub(crate) gap: u64,
    /// Submissions of all clients that are held at a time.
    pub(crate) window: usize,
    /// The longest task.
    pub(crate) longest: u64,
    /// The largest value, in bytes.
    pub(crate) largest: u64,
    /// Between two faults, on average; 0: no faults, and no body fails.
    pub(crate) calm: u64,
    pub(crate) latency: Latency,
    /// Bytes a microsecond; 0: values take no time.
    pub(crate) bandwidth: u64,
}

impl Bulk {
    /// The plan of a seed.
    pub(crate) fn plan(self, seed: u64) -> Plan {
        let mut builder = Builder { seed, drawn: 0, like: self, steps: Vec::new() };
        builder.submissions();
        if builder.like.calm > 0 {
            builder.faults();
        }
        builder.steps.sort_by_key(|(at, _)| *at);
        let steps = (1..).zip(builder.steps);
        let Self { workers, threads, clients, latency, bandwidth, .. } = builder.like;
        Plan {
            workers: vec![threads; workers],
            clients,
            latency,
            bandwidth,
            grace: 0,
            knobs: 0,
            serves: 0,
            patience: 0,
            gpus: Vec::new(),
            memory: Vec::new(),
            limits: Limits::default(),
            ops: steps.map(|(id, (at, op))| Step { id, at, op }).collect(),
        }
    }
}

struct Builder {
    seed: u64,
    drawn: u64,
    like: Bulk,
    steps: Vec<(u64, Op)>,
}

impl Builder {
    fn draw(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        below(hash(self.seed, BULK, 0, self.drawn), bound)
    }

    fn submissions(&mut self) {
        let count = self.like.tasks.div_ceil(self.like.size as u64);
        let mut held = std::collections::VecDeque::new();
        for n in 0..count {
            let (at, client) = (n * self.like.gap, (n % self.like.clients as u64) as usize);
            let which = self.draw(self.like.shapes.len() as u64) as usize;
            let shape = self.like.shapes[which];
            let tasks = self.graph(client, n, shape);
            held.push_back((client, tasks.iter().map(|task| task.key).collect::<Vec<_>>()));
            self.steps.push((at, Op::Submit(client, tasks)));
            if held.len() > self.like.window
                && let Some((client, keys)) = held.pop_front()
            {
                self.steps.push((at, Op::Release(client, keys)));
            }
        }
    }

    fn graph(&mut self, client: usize, n: u64, shape: Shape) -> Vec<TaskDef> {
        let size = self.like.size;
        let session = Session::truncate(client as u64 + 1);
        let key = |i: usize| Key::numbered(session, n * size as u64 + i as u64 + 1);
        let task = |i: usize| {
            let dependencies = shape.inputs(i, size).map(key).collect();
            let priority = self.draw(3) as i32 - 1;
            let (body, retries) = self.body();
            let fields = Fields::default();
            TaskDef { key: key(i), dependencies, body, retries, priority, scattered: false, fields }
        };
        (0..size).map(task).collect()
    }

    /// A body, and how often it is tried again.
    fn body(&mut self) -> (Body, u32) {
        let mut body = Body {
            salt: self.draw(u64::MAX),
            nbytes: if self.draw(2) == 0 { 8 } else { 65 + self.draw(self.like.largest) as u32 },
            micros: self.draw(self.like.longest) as u32,
            ..Body::default()
        };
        let mut retries = 0;
        if self.like.calm > 0 {
            match self.draw(4_000) {
                0 => body.poison = true,
                1..10 => body.failures = u8::MAX,
                10..100 => (body.failures, retries) = (1, 1),
                100..140 => body.children = 1 + self.draw(3) as u8,
                140.. => {}
            }
        }
        (body, retries)
    }

    fn faults(&mut self) {
        let end = self.steps.last().map_or(0, |(at, _)| *at);
        let mut at = self.draw(2 * self.like.calm);
        while at < end {
            self.fault(at);
            at += 1 + self.draw(2 * self.like.calm);
        }
    }

    fn fault(&mut self, at: u64) {
        let worker = self.draw(self.like.workers as u64) as usize;
        let client = self.draw(self.like.clients as u64) as usize;
        // Now and then as long as everything else takes, mostly less.
        let most = [1, 10, 100][self.draw(3) as usize] * self.like.calm / 10;
        let long = 1 + self.draw(1 + most);
        let place = match self.draw(3) {
            0 => Place::Worker(worker + 1),
            1 => Place::Client(client),
            2.. => Place::Scheduler,
        };
        let op = match self.draw(10) {
            0..3 => Op::Kill(worker),
            3 => {
                self.steps.push((at, Op::Join(self.like.threads)));
                Op::Leave(worker)
            }
            4 | 5 => Op::Pause(worker, long),
            6 => Op::Clog(Place::Worker(worker), place, long),
            7 => Op::Clog(place, Place::Worker(worker), long),
            8 => {
                let moment = Moment::ALL[self.draw(Moment::ALL.len() as u64) as usize];
                Op::Ambush(moment, 1 + self.draw(20))
            }
            9.. => Op::Query(client, Question::Info),
        };
        self.steps.push((at, op));
    }
}
