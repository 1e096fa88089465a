//! What the scheduler tells clients, be they processes or runs: only what concerns them, and only
//! what has happened.
//!
//! It must not know what clients make of it.

use raddle_core::scheduler::{Config, Kind, Scheduler};
use raddle_net::messages::{Failure, SchedulerToClient};
use raddle_net::names::{Key, RunId, WorkerId};

use super::hears::{Cause, Heard};
use super::log::{RunState, Who};
use super::{Breach, Watch, breach, ensure};
use crate::property::Property;

impl Watch {
    /// A client is told this.
    pub(super) fn told(
        &mut self,
        who: Who,
        message: &SchedulerToClient,
        heard: &Heard,
        machine: &Scheduler,
    ) -> Result<(), Breach> {
        match message {
            SchedulerToClient::Answer { id, answer } => self.told_answer(who, *id, answer, heard),
            SchedulerToClient::Peer { .. } | SchedulerToClient::Released { .. } => Ok(()),
            SchedulerToClient::Erred { key, blame, failure } => {
                if matches!(**failure, Failure::Rejected { .. }) {
                    return self.told_rejected(who, *key);
                }
                self.told_failure(*key, *blame, failure)?;
                let answers = match &heard.cause {
                    Cause::Cancelled(by, keys)
                    | Cause::Forced(by, keys, _)
                    | Cause::Named(by, keys) => *by == who && keys.contains(key),
                    Cause::Asked(..)
                    | Cause::LetGo(_)
                    | Cause::Other
                    | Cause::Stale
                    | Cause::Unheard => false,
                };
                if !answers {
                    self.concerns(who, *key)?;
                }
                self.check_isolation(who, heard, *blame, failure)?;
                self.set_failed(who, *key, true, machine);
                Ok(())
            }
            SchedulerToClient::InMemory { key, run, worker, .. } => {
                self.concerns(who, *key)?;
                self.told_value(*key, *run, *worker)?;
                self.set_failed(who, *key, false, machine);
                Ok(())
            }
            SchedulerToClient::Recomputing { key } => {
                self.concerns(who, *key)?;
                if let Cause::Cancelled(by, _)
                | Cause::Forced(by, ..)
                | Cause::LetGo(by)
                | Cause::Asked(by, ..) = &heard.cause
                    && *by != who
                {
                    let taken = || format!("{who:?} loses {key} after {:?}", heard.cause);
                    return breach(Property::Isolation, taken);
                }
                self.set_failed(who, *key, false, machine);
                Ok(())
            }
            SchedulerToClient::Send { key, .. } => self.concerns(who, *key),
        }
    }

    /// A client is told of what it wants.
    fn concerns(&self, who: Who, key: Key) -> Result<(), Breach> {
        let log = self.find(key).map(|task| self.task(task));
        match log {
            Some(log) if log.is_wanted_by(who) => Ok(()),
            Some(log) if log.former.contains(&who) => {
                breach(Property::Released, || format!("{who:?} is told of {key}"))
            }
            Some(_) | None => breach(Property::Phantom, || format!("{who:?} is told of {key}")),
        }
    }

    /// Whether the key has failed for this client. One that called it off and is not waited for
    /// wants it no more.
    fn set_failed(&mut self, who: Who, key: Key, failed: bool, machine: &Scheduler) {
        let Some(task) = self.find(key) else { return };
        let log = self.task_mut(task);
        if failed && machine.kind_of(key) != Some(Kind::Erred) {
            return log.unwant(who);
        }
        for want in log.wants.iter_mut().filter(|want| want.who == who) {
            want.failed = failed;
        }
    }

    /// What a client is told is there is there.
    fn told_value(&self, key: Key, run: RunId, worker: WorkerId) -> Result<(), Breach> {
        let log = self.run(run).filter(|log| self.task(log.task).key == key);
        let is_it = |number: &u32| self.workers[number].id == Some(worker);
        let there = match log.map(|log| &log.state) {
            Some(RunState::Finished(holders)) => holders.iter().any(is_it),
            Some(RunState::Given | RunState::Over) | None => false,
        };
        ensure(there, Property::OneRun, || format!("{key} is said to be run {run} on {worker}"))
    }

    /// The failure of a task has happened to it, or may be asked of it.
    fn told_failure(&self, key: Key, blame: Key, failure: &Failure) -> Result<(), Breach> {
        let Some(log) = self.find(blame).map(|task| self.task(task)) else { return Ok(()) };
        let says = || format!("{key} blames {blame} for {failure:?}, of which is known {log:?}");
        let config = Config::default();
        match failure {
            Failure::Failed { .. } => ensure(log.failures > log.retries, Property::Retries, says),
            Failure::Lost { .. } if log.options.at_most_once => {
                // A retry forgets what was begun; and it may not be known any more.
                let over = log.given > 0 || !log.former.is_empty();
                ensure(over, Property::Once, says)
            }
            Failure::TimedOut => ensure(log.failures > log.retries, Property::Retries, says),
            Failure::WorkerDied { .. } if log.options.at_most_once => {
                ensure(log.given > 0 && log.losses > 0, Property::Once, says)
            }
            Failure::Lost { .. } if log.scattered => {
                let let_go = !log.former.is_empty();
                ensure(log.losses > 0 || let_go || log.called_off, Property::Scatter, says)
            }
            Failure::NoWorker { .. } => {
                // Whether nobody might run it, the reference knows.
                let waited = self.longest_empty >= self.patience || self.limits.turn_work_away();
                ensure(waited, Property::WorkersReturn, says)
            }
            Failure::WorkerDied { deaths, .. } => {
                let charged = *deaths > config.allowed_failures && *deaths <= log.deaths;
                ensure(charged, Property::Deaths, says)
            }
            Failure::Cancelled
            | Failure::Decode { .. }
            | Failure::Disconnected { .. }
            | Failure::Exited { .. }
            | Failure::Lost { .. }
            | Failure::Rejected { .. } => Ok(()),
            // It is nobody's end.
            Failure::Reschedule => ensure(false, Property::Retries, says),
        }
    }

    /// What one client does not want any more is another one's only if it was to send it, or if the
    /// other one wants what needs it.
    fn check_isolation(
        &self,
        who: Who,
        heard: &Heard,
        blame: Key,
        failure: &Failure,
    ) -> Result<(), Breach> {
        let unsent = matches!(failure, Failure::Lost { .. })
            && self.find(blame).is_some_and(|task| self.task(task).scattered);
        let sound = match &heard.cause {
            Cause::LetGo(by) => *by == who || unsent,
            Cause::Cancelled(by, keys) => {
                let by_name = self
                    .find(blame)
                    .is_some_and(|task| self.task(task).wants.iter().any(|want| want.who != *by));
                *by == who || unsent || (keys.contains(&blame) && !by_name)
            }
            Cause::Forced(by, keys, _) => *by == who || keys.contains(&blame),
            Cause::Asked(..) => unsent,
            Cause::Named(..) | Cause::Other | Cause::Stale | Cause::Unheard => true,
        };
        ensure(sound, Property::Isolation, || format!("{who:?} is told so after {:?}", heard.cause))
    }
}
