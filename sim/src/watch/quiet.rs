//! What must hold when nothing happens any more, and when everything has been released.
//!
//! It must not know how a run came there.

use std::collections::BTreeSet;

use raddle_core::scheduler::Kind;
use raddle_net::names::{RunId, WorkerId};

use super::log::RunState;
use super::{Breach, Watch, ensure};
use crate::plan::{DiskFault, Op, Plan};
use crate::property::Property;
use crate::wish::Wish;
use crate::world::World;

impl World {
    /// What must hold when nothing happens any more.
    pub(crate) fn check_quiet(&mut self) {
        let observation = self
            .check_timers()
            .and_then(|()| self.check_wake_ups())
            .and_then(|()| self.check_settled())
            .and_then(|()| self.check_holders());
        let observation = observation.and_then(|()| self.check_detached());
        self.must(observation);
    }

    /// Nothing is due, and everything that was asked was answered.
    fn check_timers(&self) -> Result<(), Breach> {
        let scheduler = self.scheduler.machine.next_deadline();
        let left = || format!("the scheduler waits for {scheduler:?}");
        ensure(scheduler.is_none(), Property::Timers, left)?;
        for (number, worker) in &self.workers {
            let timer = worker.next_deadline();
            let left = || format!("worker {number} waits for {timer:?}");
            ensure(timer.is_none(), Property::Timers, left)?;
        }
        for client in self.clients.iter().filter(|client| !client.gone) {
            let timer = client.machine.next_deadline();
            ensure(timer.is_none(), Property::Timers, || format!("a client waits for {timer:?}"))?;
        }
        let request = self.requests.iter().next();
        ensure(request.is_none(), Property::Timers, || format!("{request:?} is under way"))
    }

    /// Nothing waits that could go on.
    fn check_wake_ups(&self) -> Result<(), Breach> {
        let machine = &self.scheduler.machine;
        let runnable = machine.count(Kind::Queued) + machine.count(Kind::NoWorker);
        let waits = || format!("{runnable} tasks wait for a worker");
        ensure(runnable == 0, Property::WakeUp, waits)?;
        for (number, worker) in &self.workers {
            self.watch.check_wake_ups(*number, |run| worker.holds(run), worker.has_slot())?;
            let body = worker.nested.iter().find(|(_, body)| body.has_all());
            let waits = || format!("a body on worker {number} waits for nothing: {body:?}");
            ensure(body.is_none(), Property::WakeUp, waits)?;
        }
        Ok(())
    }

    /// Nothing is on its way to being computed.
    fn check_settled(&self) -> Result<(), Breach> {
        let machine = &self.scheduler.machine;
        let open = machine.kinds().find(|(_, kind)| kind.is_active());
        let waits = || open.map_or_else(String::new, |(key, _)| machine.explain(key));
        ensure(open.is_none(), Property::Settles, waits)
    }

    /// The scheduler knows exactly what is in the stores.
    fn check_holders(&self) -> Result<(), Breach> {
        let known: BTreeSet<(WorkerId, RunId)> =
            self.scheduler.machine.replicas().map(|(_, run, holder)| (holder, run)).collect();
        let mut held = BTreeSet::new();
        for (number, worker) in &self.workers {
            if let Some(id) = self.watch.id_of(*number) {
                held.extend(worker.stored().map(|run| (id, run)));
            }
        }
        let differs = known.symmetric_difference(&held).next();
        let who = |(holder, run): &(WorkerId, RunId)| {
            let knows = known.contains(&(*holder, *run));
            let key = self.watch.key_of(*run).unwrap_or_default();
            format!("run {run} of {key} is on {holder}: {}, to the scheduler: {knows}", !knows)
        };
        ensure(differs.is_none(), Property::Holders, || differs.map_or_else(String::new, who))
    }

    /// Without faults and second thoughts, each task has run once, and once more for each failure.
    pub(crate) fn check_executions(&self, plan: &Plan) -> Result<(), Breach> {
        let calm = plan.memory.is_empty()
            && plan.ops.iter().all(|step| match &step.op {
                Op::Submit(_, tasks) => tasks.iter().all(|task| !task.body.poison),
                Op::Clog(..)
                | Op::Disk(_, DiskFault::Full(_))
                | Op::Join(_)
                | Op::Pause(..)
                | Op::Query(..)
                | Op::Scatter(..) => true,
                Op::Wish(_, wish) => !matches!(wish, Wish::Force(_) | Wish::Retry(_)),
                Op::Ambush(..)
                | Op::Cancel(..)
                | Op::Cut(..)
                | Op::Disk(_, DiskFault::Gone)
                | Op::Goodbye(_)
                | Op::Kill(_)
                | Op::Leave(_)
                | Op::Meddle(_)
                | Op::Release(..)
                | Op::Vanish(_) => false,
            });
        if calm { self.watch.check_executions() } else { Ok(()) }
    }

    /// Every table is as it was at first.
    pub(crate) fn check_tables(&self) -> Result<(), Breach> {
        let full = |who: &str, sizes: &[(&'static str, usize)]| {
            let left = sizes.iter().find(|(_, size)| *size > 0);
            let what = left.map(|(what, size)| format!("{who} has {size} {what}"));
            ensure(left.is_none(), Property::Tables, || what.unwrap_or_default())
        };
        full("the scheduler", &self.scheduler.machine.sizes())?;
        for (number, worker) in &self.workers {
            full(&format!("worker {number}"), &worker.sizes())?;
        }
        let here = || self.clients.iter().filter(|client| !client.gone && !client.cut_off);
        for client in here() {
            full("a client", &client.machine.sizes())?;
        }
        let (workers, clients) = (self.workers.len(), here().count());
        let audience = self.scheduler.machine.audience();
        let odd = || format!("(peers, clients, workers) are {audience:?}");
        ensure(audience == (workers + clients, clients, workers), Property::Tables, odd)
    }
}

impl Watch {
    /// What the scheduler calls a worker.
    fn id_of(&self, worker: u32) -> Option<WorkerId> {
        self.workers.get(&worker).and_then(|log| log.id)
    }

    /// No run waits that has its inputs and could have a slot, or that was announced.
    fn check_wake_ups(
        &self,
        worker: u32,
        holds: impl Fn(RunId) -> bool,
        has_slot: bool,
    ) -> Result<(), Breach> {
        let Some(log) = self.workers.get(&worker) else { return Ok(()) };
        let idle = |run: &RunId| {
            let inputs = self.run(*run).map(|log| &log.inputs);
            has_slot && inputs.is_some_and(|inputs| inputs.iter().all(|input| holds(*input)))
        };
        let ready = log.waiting.iter().map(|(_, run)| run).find(|run| idle(run));
        let waits = ready.or_else(|| log.flushing.first());
        ensure(waits.is_none(), Property::WakeUp, || {
            format!("run {waits:?} on worker {worker} waits for nothing")
        })
    }

    fn check_executions(&self) -> Result<(), Breach> {
        for log in &self.tasks {
            let last = log.last.checked_sub(1).map(|at| &self.runs[at as usize].state);
            let done = matches!(last, Some(RunState::Finished(_)));
            let expected = log.failures + log.reschedules + 1;
            let sound = if done && !log.scattered {
                log.executions == expected
            } else {
                log.executions <= expected
            };
            let what = || format!("{log:?}, and the last run is {last:?}");
            ensure(sound, Property::Executions, what)?;
        }
        Ok(())
    }
}
