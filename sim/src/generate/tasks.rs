//! The tasks of a plan: graphs of some shapes, data, and what several clients submit.
//!
//! It must not know when they are submitted.

use raddle_core::random::hash;
use raddle_net::names::{Key, Session};

use super::{Chance, Generator, HOT, HOT_KEYS, NESTS, Shape};
use crate::body::Body;
use crate::client::entity;
use crate::plan::TaskDef;

impl Generator<'_> {
    pub(super) fn key(&mut self, client: usize) -> Key {
        self.numbers[client] += 1;
        let key = Key::numbered(Session::truncate(client as u64 + 1), self.numbers[client]);
        self.known[client].push(key);
        key
    }

    pub(super) fn scattered(&mut self, client: usize) -> TaskDef {
        let key = self.key(client);
        let body = Body { salt: self.draw(u64::MAX), nbytes: self.nbytes(), ..Body::default() };
        TaskDef { key, body, scattered: true, ..TaskDef::default() }
    }

    pub(super) fn nbytes(&mut self) -> u32 {
        if self.draw(2) == 0 { 8 } else { 65 + self.draw(5_000_000) as u32 }
    }

    pub(super) fn graph(&mut self, client: usize, shapes: &[(Shape, u64)]) -> Vec<TaskDef> {
        let shape = self.pick(shapes);
        let size = 1 + self.draw(24) as usize;
        let before: Vec<Key> = self.known[client].clone();
        let mut tasks: Vec<TaskDef> = Vec::new();
        for i in 0..size {
            let all = |tasks: &[TaskDef]| tasks.iter().map(|task| task.key).collect();
            let dependencies = match shape {
                Shape::Bag => Vec::new(),
                Shape::Chain => all(&tasks[i.saturating_sub(1)..]),
                Shape::Random => self.three_of(&before, &tasks),
                Shape::Tree | Shape::Shuffle if i * 2 < size => Vec::new(),
                Shape::Tree => {
                    let left = (i - size.div_ceil(2)) * 2;
                    all(&tasks[left..(left + 2).min(i)])
                }
                Shape::Shuffle => all(&tasks[..size.div_ceil(2)]),
                Shape::Diamond if i + 1 == size => all(&tasks),
                Shape::Diamond | Shape::FanOut => all(&tasks[..i.min(1)]),
            };
            let key = self.key(client);
            let task = self.task(key, dependencies);
            tasks.push(task);
        }
        tasks
    }

    pub(super) fn three_of(&mut self, before: &[Key], tasks: &[TaskDef]) -> Vec<Key> {
        let all = before.len() + tasks.len();
        let count = self.draw(4).min(all as u64);
        let mut keys = Vec::new();
        for _ in 0..count {
            let at = self.draw(all as u64) as usize;
            keys.push(before.get(at).copied().unwrap_or_else(|| tasks[at - before.len()].key));
        }
        keys
    }

    pub(super) fn task(&mut self, key: Key, dependencies: Vec<Key>) -> TaskDef {
        let mut body = Body {
            salt: self.draw(u64::MAX),
            nbytes: self.nbytes(),
            micros: [0, 2_000, 2_000, 2_000][self.draw(4) as usize],
            ..Body::default()
        };
        body.micros = self.draw(u64::from(body.micros) + 1) as u32;
        let retries = self.draw(3) as u32;
        if self.mix.bodies {
            match self.draw(40) {
                0 => body.failures = u8::MAX,
                1 | 2 => body.failures = retries as u8,
                3 => body.poison = true,
                4 | 5 => body.children = 1 + self.draw(3) as u8,
                6 => body.reschedules = 1 + self.draw(3) as u8,
                7.. if self.nests(key) => body.children = 1,
                7.. => {}
            }
        }
        let priority = self.draw(3) as i32 - 1;
        let fields = self.switches.fields(self.seed, entity(key), body, self.mix.bodies);
        TaskDef { key, dependencies, body, retries, priority, scattered: false, fields }
    }

    /// Whether a body has a child although it need not: in one plan of four there are many, so that
    /// they wait for slots, and are called off while they wait.
    pub(super) fn nests(&self, key: Key) -> bool {
        self.mix.swarm
            && hash(self.seed, NESTS, 0, 0).is_multiple_of(4)
            && hash(self.seed, NESTS, entity(key), 1).is_multiple_of(4)
    }

    /// A hot key, after the hot keys that it depends on: the same recipes whoever submits them.
    pub(super) fn hot(&mut self, client: usize) -> Vec<TaskDef> {
        let wanted = self.draw(HOT_KEYS);
        let (drawn, chance) = (self.drawn, std::mem::replace(&mut self.chance, Chance::Seed));
        let mut tasks: Vec<TaskDef> = Vec::new();
        for number in (wanted % 3..=wanted).step_by(3) {
            self.drawn = hash(0, HOT, number, 0) >> 8;
            let dependencies = tasks.last().map(|task| task.key).into_iter().collect();
            let key = Key::hashed(u128::from(hash(self.seed, HOT, number, 1)));
            let task = self.task(key, dependencies);
            self.known[client].push(key);
            tasks.push(task);
        }
        (self.drawn, self.chance) = (drawn, chance);
        tasks
    }
}
