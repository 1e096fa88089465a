//! Relations between runs: what must not make a difference, and what may only make things better.
//!
//! It must not know why a run comes to what it comes to.

use raddle_core::random::{below, hash};
use raddle_core::scheduler::Policy;
use raddle_net::names::Key;

use std::sync::Arc;

use crate::case::Case;
use crate::failure::{Failure, Report};
use crate::history::{End, History};
use crate::limits::Limits;
use crate::plan::{Op, Plan, Step, TaskDef};
use crate::property::Property;
use crate::wish::Wish;
use crate::world::{Mode, Settings, World};

/// The stream of chance that belongs to variations.
const VARIATIONS: u64 = 0x766172;

impl Case {
    /// How every future ended.
    ///
    /// # Errors
    ///
    /// The first property that does not hold.
    pub fn history(&self, mode: Mode) -> Result<History, Failure> {
        Ok(self.run(mode)?.history)
    }

    /// Runs it, as [`run`](Self::run) does, and then checks every relation, if that is `wanted`.
    ///
    /// # Errors
    ///
    /// The first property that does not hold.
    pub fn run_with_relations(&self, mode: Mode, wanted: bool) -> Result<Report, Failure> {
        let report = self.run(mode)?;
        if wanted {
            self.check_relations(mode)?;
        }
        Ok(report)
    }

    /// Every relation that is known.
    ///
    /// # Errors
    ///
    /// The first one that does not hold.
    pub fn check_relations(&self, mode: Mode) -> Result<(), Failure> {
        self.check_same_again(mode)?;
        self.check_codec(mode)?;
        self.check_same_values(mode)?;
        self.check_more_workers(mode)
    }

    /// M1: a copy of the world, made at some event, goes on as the world does.
    ///
    /// # Errors
    ///
    /// That it does not, or what the run itself fails with.
    pub fn check_same_again(&self, mode: Mode) -> Result<(), Failure> {
        let events = self.run(mode)?.events;
        let Self { seed, policy, plant, .. } = *self;
        let settings = Settings { seed, policy, plant, mode };
        let mut world = World::new(settings, Arc::new(self.plan.clone()));
        let at = 1 + below(hash(self.seed, VARIATIONS, 0, 1), events.max(2) - 1);
        world.fork_at = Some(at);
        world.play()?;
        let mut copy = world.fork.take();
        let again = copy.as_mut().map(|copy| copy.play()).transpose()?;
        let same = again.is_some() && copy.is_some_and(|copy| copy.report == world.report);
        holds(same, Property::SameAgain, || {
            format!("the copy made after event {at} goes another way")
        })
    }

    /// M5: a run in which every message becomes bytes comes to the same.
    ///
    /// # Errors
    ///
    /// That it does not, or what the run itself fails with.
    pub fn check_codec(&self, mode: Mode) -> Result<(), Failure> {
        let plain = self.run(Mode { codec: false, ..mode })?;
        let coded = self.run(Mode { codec: true, ..mode })?;
        holds(plain == coded, Property::Codec, || "bytes make a difference".to_owned())
    }

    /// M3: without its faults, on one worker or on many, with other priorities, submitted in another
    /// order and under the other policy, every future that has a value in both has the same.
    ///
    /// # Errors
    ///
    /// The first that has not, or what one of the runs itself fails with.
    pub fn check_same_values(&self, mode: Mode) -> Result<(), Failure> {
        let history = self.history(mode)?;
        for variation in self.variations() {
            same_values(&history, &variation.history(mode)?)?;
        }
        Ok(())
    }

    /// The same work in other circumstances.
    fn variations(&self) -> [Self; 5] {
        let other = match self.policy {
            Policy::EarliestStart => Policy::Random,
            Policy::Random => Policy::EarliestStart,
        };
        let of = |change: &dyn Fn(&mut Plan)| {
            let mut case = Self { policy: other, ..self.clone() };
            change(&mut case.plan);
            case
        };
        let (seed, drawn) = (self.seed, std::cell::Cell::new(0));
        let draw = |bound| {
            drawn.set(drawn.get() + 1);
            below(hash(seed, VARIATIONS, 1, drawn.get()), bound)
        };
        [
            of(&|plan| plan.ops.retain(|step| !is_fault(&step.op))),
            of(&|plan| plan.workers = vec![1]),
            of(&|plan| plan.workers = vec![2; 20]),
            of(&|plan| {
                plan.submitted_mut().for_each(|task| task.priority = draw(100) as i32);
            }),
            of(&|plan| reorder(plan, &draw)),
        ]
    }

    /// M4: with one more worker, nothing fails that did not fail before, in a world without faults.
    ///
    /// # Errors
    ///
    /// The first future that does, or what one of the runs itself fails with.
    pub fn check_more_workers(&self, mode: Mode) -> Result<(), Failure> {
        let mut calm = self.clone();
        calm.plan.ops.retain(|step| !is_fault(&step.op) && !may_end_either_way(&step.op));
        calm.plan.memory.clear();
        calm.plan.limits = Limits::default();
        // These may come to different ends by the moment at which things happen.
        for task in calm.plan.submitted_mut() {
            (task.fields.limit, task.fields.once) = (0, false);
            // Whoever dies may have had data that nobody can make again.
            task.body.poison = false;
        }
        let mut more = calm.clone();
        more.plan.workers.push(1);
        let (before, after) = (calm.history(mode)?, more.history(mode)?);
        for (ours, theirs) in before.iter().zip(&after) {
            let fails = ours.iter().find(|(key, end)| {
                matches!(end, End::Value(_)) && matches!(theirs.get(key), Some(End::Error { .. }))
            });
            holds(fails.is_none(), Property::MoreWorkers, || {
                let how = fails.and_then(|(key, _)| theirs.get(key));
                format!("with one more worker {fails:?} fails: {how:?}")
            })?;
        }
        Ok(())
    }
}

/// Submissions come in another order, and so do the tasks of each, after what they need.
fn reorder(plan: &mut Plan, draw: &dyn Fn(u64) -> u64) {
    for client in 0..plan.clients {
        let ours = |step: &mut Step| {
            let Op::Submit(of, tasks) = &mut step.op else { return None };
            (*of == client).then(|| std::mem::take(tasks))
        };
        let submissions: Vec<Vec<TaskDef>> = plan.ops.iter_mut().filter_map(ours).collect();
        let needs = |one: &Vec<TaskDef>, other: &Vec<TaskDef>| {
            let here = |key: &Key| one.iter().any(|task| task.key == *key);
            let there = |key: &Key| other.iter().any(|task| task.key == *key);
            one.iter().flat_map(|task| &task.dependencies).any(|key| there(key) && !here(key))
        };
        let mut shuffled = shuffle(submissions, needs, draw).into_iter();
        for step in &mut plan.ops {
            if let Op::Submit(of, tasks) = &mut step.op
                && *of == client
            {
                let needs = |one: &TaskDef, other: &TaskDef| one.dependencies.contains(&other.key);
                *tasks = shuffle(shuffled.next().unwrap_or_default(), needs, draw);
            }
        }
    }
}

/// In a random order, but each after those that it needs.
fn shuffle<T>(
    mut items: Vec<T>,
    needs: impl Fn(&T, &T) -> bool,
    draw: &dyn Fn(u64) -> u64,
) -> Vec<T> {
    let mut shuffled = Vec::with_capacity(items.len());
    while !items.is_empty() {
        let is_free = |n: &usize| !items.iter().any(|other| needs(&items[*n], other));
        let free: Vec<usize> = (0..items.len()).filter(is_free).collect();
        // Of those that need one another, the first is the first.
        let next = free.get(draw(free.len().max(1) as u64) as usize).copied().unwrap_or(0);
        shuffled.push(items.remove(next));
    }
    shuffled
}

fn same_values(a: &History, b: &History) -> Result<(), Failure> {
    for (ours, theirs) in a.iter().zip(b) {
        let differs = ours.iter().find(|(key, end)| match (end, theirs.get(key)) {
            (End::Value(one), Some(End::Value(other))) => one != other,
            (End::Error { .. } | End::Value(_), _) => false,
        });
        holds(differs.is_none(), Property::SameValues, || format!("{differs:?} differs"))?;
    }
    Ok(())
}

/// Whether the plan does this to processes or to the network.
fn is_fault(op: &Op) -> bool {
    match op {
        Op::Ambush(..)
        | Op::Clog(..)
        | Op::Cut(..)
        | Op::Disk(..)
        | Op::Kill(_)
        | Op::Leave(_)
        | Op::Meddle(_)
        | Op::Pause(..)
        | Op::Vanish(_) => true,
        Op::Cancel(..)
        | Op::Goodbye(_)
        | Op::Join(_)
        | Op::Query(..)
        | Op::Release(..)
        | Op::Scatter(..)
        | Op::Submit(..)
        | Op::Wish(..) => false,
    }
}

/// Whether what becomes of a task depends on when this happens.
fn may_end_either_way(op: &Op) -> bool {
    let second_thought =
        |wish: &Wish| matches!(wish, Wish::Force(_) | Wish::Retry(_) | Wish::Unpublish(_));
    matches!(op, Op::Cancel(..)) || matches!(op, Op::Wish(_, wish) if second_thought(wish))
}

fn holds(
    sound: bool,
    property: Property,
    otherwise: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if sound { Ok(()) } else { Err(Failure::Broken(property, otherwise())) }
}
