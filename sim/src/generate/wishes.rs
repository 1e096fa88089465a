//! Wishes are added to a plan where they matter: a retry just after a failure, a detached task whose
//! client goes, data that is taken while its publisher goes, and what another one needs called off.
//!
//! A second pass with chance of its own: the rest of a plan is what it is without it.

use raddle_core::random::{below, hash};
use raddle_net::names::{Key, Session};

use crate::body::Body;
use crate::plan::{Op, Plan, Step, TaskDef};
use crate::wish::Wish;

/// The stream of chance that belongs to wishes.
const WISHES: u64 = 0x7769_7368;
/// Of so many plans, one has no wishes.
const WITHOUT: u64 = 3;
/// Keys of tasks that depend on what was taken begin here.
const TAKERS: u64 = 1 << 32;
/// Names under which something is published.
const NAMES: u64 = 3;

/// Adds wishes to the plan of a seed; those that call off or have run again what fails, if `bodies`
/// may; those of clients that vanish, if there are `faults`.
pub(super) fn add(plan: &mut Plan, seed: u64, faults: bool, bodies: bool) {
    let mut wishes = Wishes { seed, drawn: 0, clients: plan.clients, faults, steps: Vec::new() };
    if wishes.draw(WITHOUT) == 0 {
        return;
    }
    let eager = [8, 4, 2][wishes.draw(3) as usize];
    for Step { at, op, .. } in &plan.ops {
        let (Op::Submit(client, tasks), true) = (op, wishes.draw(eager) == 0) else { continue };
        match wishes.draw(4) {
            0 => wishes.detach(*at, *client, tasks),
            1 => wishes.publish(*at, *client, tasks),
            2 if bodies => wishes.force(*at, *client, tasks),
            // Some of it is rejected.
            2.. if plan.limits.quota > 0 => {
                let (keys, at) = (wishes.some(tasks), wishes.later(*at));
                wishes.wish(at, *client, Wish::Retry(keys));
            }
            2.. if bodies => wishes.retry(*at, *client, tasks),
            2.. => {}
        }
    }
    for Step { at, op, .. } in &plan.ops {
        if let Op::Scatter(client, data) = op
            && wishes.draw(eager) == 0
        {
            wishes.publish(*at, *client, std::slice::from_ref(data));
        }
    }
    plan.add(wishes.steps);
}

struct Wishes {
    seed: u64,
    drawn: u64,
    clients: usize,
    faults: bool,
    steps: Vec<Step>,
}

impl Wishes {
    fn draw(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        below(hash(self.seed, WISHES, 0, self.drawn), bound)
    }

    fn push(&mut self, at: u64, op: Op) {
        self.steps.push(Step { id: 0, at, op });
    }

    fn wish(&mut self, at: u64, client: usize, wish: Wish) {
        self.push(at, Op::Wish(client, wish));
    }

    /// Somewhat later: at once, while messages travel, while bodies run, or when all is over.
    fn later(&mut self, at: u64) -> u64 {
        let most = [1, 400, 4_000, 40_000][self.draw(4) as usize];
        at + self.draw(most)
    }

    fn client(&mut self) -> usize {
        self.draw(self.clients as u64) as usize
    }

    /// Up to four of these, and often the last, which the others lead to.
    fn some(&mut self, tasks: &[TaskDef]) -> Vec<Key> {
        let mut keys: Vec<Key> = tasks.last().map(|task| task.key).into_iter().collect();
        for _ in 0..self.draw(4) {
            keys.push(tasks[self.draw(tasks.len() as u64) as usize].key);
        }
        let by = usize::from(self.draw(2) == 0 && keys.len() > 1);
        keys.rotate_left(by);
        keys.truncate(1 + self.draw(4) as usize);
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Those of these that fail, and some that fail because of them.
    fn failing(&mut self, tasks: &[TaskDef]) -> Vec<Key> {
        let mut failing: Vec<Key> = Vec::new();
        for task in tasks {
            let own = task.body.poison || u32::from(task.body.failures) > task.retries;
            let by_another = task.dependencies.iter().any(|input| failing.contains(input));
            if own || by_another {
                failing.push(task.key);
            }
        }
        let keep = self.draw(failing.len().max(1) as u64) as usize;
        failing.split_off(keep)
    }

    /// What fails runs again, perhaps while it fails, perhaps twice. Of what does not fail, too.
    fn retry(&mut self, at: u64, client: usize, tasks: &[TaskDef]) {
        let failing = self.failing(tasks);
        let mut at = self.later(at);
        if failing.is_empty() || self.draw(4) == 0 {
            // What was called off can be wanted again.
            let called_off = self.some(tasks);
            match self.draw(3) {
                0 => self.wish(at, client, Wish::Force(called_off)),
                1.. => self.push(at, Op::Cancel(client, called_off)),
            }
            at = self.later(at);
            let retries = self.some(tasks);
            self.wish(at, client, Wish::Retry(retries));
        }
        for _ in 0..=self.draw(3) {
            let keys = if self.draw(4) == 0 { self.some(tasks) } else { failing.clone() };
            at = self.later(at);
            self.wish(at, client, Wish::Retry(keys));
        }
    }

    /// Its client lets go, or is gone, before it has run.
    fn detach(&mut self, at: u64, client: usize, tasks: &[TaskDef]) {
        let keys = self.some(tasks);
        let at = self.later(at);
        self.wish(at, client, Wish::Detach(keys.clone()));
        let at = at + self.draw(1_000);
        match self.draw(4) {
            0 => self.push(at, Op::Goodbye(client)),
            1 if self.faults => self.push(at, Op::Vanish(client)),
            1 | 2 => self.push(at, Op::Release(client, keys)),
            3.. => self.push(at, Op::Release(client, tasks.iter().map(|t| t.key).collect())),
        }
    }

    /// Others take it and build on it; its publisher goes, perhaps before; it is unpublished.
    fn publish(&mut self, at: u64, client: usize, tasks: &[TaskDef]) {
        let (keys, name) = (self.some(tasks), self.draw(NAMES));
        let at = if self.draw(2) == 0 { at } else { self.later(at) };
        self.wish(at, client, Wish::Publish(name, keys.clone()));
        let leaves = self.later(at);
        match self.draw(5) {
            0 => self.push(leaves, Op::Goodbye(client)),
            1 if self.faults => self.push(leaves, Op::Vanish(client)),
            1..=3 => self.push(leaves, Op::Release(client, keys.clone())),
            4.. => {}
        }
        for _ in 0..=self.draw(3) {
            let (taker, takes) = (self.client(), self.later(at));
            self.wish(takes, taker, Wish::Take(name));
            let then = self.later(takes + 1_000);
            self.use_of(then, taker, &keys, tasks);
        }
        if self.draw(2) == 0 {
            let (other, ends) = (self.client(), self.later(at));
            self.wish(ends, other, Wish::Unpublish(name));
        }
    }

    /// What a client does with what it has taken.
    fn use_of(&mut self, at: u64, taker: usize, keys: &[Key], tasks: &[TaskDef]) {
        match self.draw(8) {
            0 => self.push(at, Op::Release(taker, keys.to_vec())),
            1 => self.push(at, Op::Cancel(taker, keys.to_vec())),
            2 => self.wish(at, taker, Wish::Force(keys.to_vec())),
            3 => self.wish(at, taker, Wish::Retry(keys.to_vec())),
            4 => self.wish(at, taker, Wish::Detach(keys.to_vec())),
            5 => self.push(at, Op::Submit(taker, again(tasks, keys))),
            6.. => {
                let depends = self.depends(taker, keys);
                self.push(at, Op::Submit(taker, vec![depends]));
            }
        }
    }

    /// A task that needs what was taken.
    fn depends(&mut self, taker: usize, keys: &[Key]) -> TaskDef {
        let number = TAKERS + self.drawn;
        let key = Key::numbered(Session::truncate(taker as u64 + 1), number);
        let micros = self.draw(2_000) as u32;
        let body = Body { salt: self.draw(u64::MAX), nbytes: 8, micros, ..Body::default() };
        TaskDef { key, dependencies: keys.to_vec(), body, ..TaskDef::default() }
    }

    /// Others hold it too, or need it.
    fn force(&mut self, at: u64, client: usize, tasks: &[TaskDef]) {
        let name = self.draw(NAMES);
        let keys = self.some(tasks);
        self.wish(at, client, Wish::Publish(name, keys.clone()));
        let (taker, takes) = (self.client(), at + self.draw(1_000));
        self.wish(takes, taker, Wish::Take(name));
        let then = self.later(takes);
        self.use_of(then, taker, &keys, tasks);
        let by = if self.draw(2) == 0 { client } else { taker };
        let at = self.later(takes);
        self.wish(at, by, Wish::Force(keys.clone()));
        if self.draw(2) == 0 {
            let (other, again) = (self.client(), self.later(at));
            self.wish(again, other, Wish::Retry(keys));
        }
    }
}

/// Those of these tasks that have these keys.
fn again(tasks: &[TaskDef], keys: &[Key]) -> Vec<TaskDef> {
    tasks.iter().filter(|task| keys.contains(&task.key) && !task.scattered).cloned().collect()
}
