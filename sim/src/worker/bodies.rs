//! What bodies do on a simulated worker, and how they end.
//!
//! It must not know what becomes of what they say.

use std::sync::Arc;

use raddle_core::time::Duration;
use raddle_core::worker::{Event, Execute, Outcome};
use raddle_net::messages::{Failure as TaskFailure, Note};
use raddle_net::names::{Key, RunId};

use super::Ended;
use super::disk::{Begin, Taken};
use crate::body::{Body, Refusal};
use crate::client::small;
use crate::failure::Failure;
use crate::journal::Fact;
use crate::plant::Plant;
use crate::property::Property;
use crate::world::{Delivery, World};

impl World {
    pub(super) fn execute(&mut self, worker: u32, execute: Execute) {
        self.report.executions += 1;
        let Execute { key, run, inputs, args, .. } = execute;
        let body = Body::decode(&args);
        let now = self.now;
        let (mut values, mut away) = (Vec::new(), None);
        for input in inputs {
            let node = self.workers.get_mut(&worker).expect("it has just had an effect");
            match node.take_up(input) {
                Ok(Some(Taken { value: (value, _), away: None })) => values.push(value),
                Ok(Some(Taken { value: (value, _), away: Some(nbytes) })) => {
                    away = Some(away.unwrap_or(0) + nbytes);
                    values.push(self.mix_up(worker, value));
                }
                Ok(None) => {
                    let missing = format!("worker {worker} runs {key} without its inputs");
                    return self.fail(Failure::Broken(Property::Inputs, missing));
                }
                Err(failure) => return self.fail(failure),
            }
        }
        let node = self.workers.get_mut(&worker).expect("it has just had an effect");
        node.running.insert(run, (key, now));
        let executing = node.running.len() - node.nested.len();
        if executing > node.nthreads as usize {
            let many = format!("worker {worker} runs {executing} bodies at a time");
            return self.fail(Failure::Broken(Property::Slots, many));
        }
        node.making.insert(run, u64::from(body.nbytes));
        self.journal(Fact::Started { key, run, worker });
        if self.account(worker) {
            return;
        }
        if self.harms(Plant::SwapInputs) {
            values.reverse();
        }
        self.enter(worker, run, (key, body, values), away);
    }

    /// The body of a run is entered.
    pub(super) fn begin(&mut self, worker: u32, run: RunId, begin: Begin) {
        let Begin { key, body, inputs: values, .. } = begin;
        let delay = Duration::from_micros(u64::from(body.micros));
        let refusal = self.refuses(key, body);
        let note = match refusal {
            Some(Refusal::Reschedule) => Note::Log("not now".to_owned()),
            Some(Refusal::Fail) | None => Note::Progress(5_000),
        };
        if body.salt.is_multiple_of(8) || refusal.is_some() {
            self.worker_event(worker, Event::Noted { run, note });
        }
        if refusal == Some(Refusal::Reschedule) {
            let ended = Ended::Failed(None, Arc::new(TaskFailure::Reschedule));
            return self.at(self.now + delay, Delivery::BodyEnds(worker, run, ended));
        }
        if body.poison {
            return self.at(self.now + delay / 2, Delivery::Die(worker));
        }
        if body.children > 0 {
            return self.start_nested(worker, run, key, body, values);
        }
        let ended = if refusal.is_some() {
            Ended::Failed(None, injected())
        } else {
            Ended::Value(body.value(values), body.nbytes)
        };
        self.at(self.now + delay, Delivery::BodyEnds(worker, run, ended));
    }

    /// A body fails, and asks to be run again, as often as its recipe says, over all its runs.
    pub(super) fn refuses(&mut self, key: Key, body: Body) -> Option<Refusal> {
        if body.failures == 0 && body.reschedules == 0 {
            return None;
        }
        let refused = self.failed.entry(key).or_default();
        let asks = body.refuses(*refused) == Some(Refusal::Reschedule);
        // Others that fail do it by killing their worker, or not at all.
        let can_fail = !body.poison && body.children == 0;
        let refusal = body.refuses(*refused).filter(|_| asks || can_fail);
        *refused += u32::from(refusal.is_some());
        refusal
    }

    pub(crate) fn body_ends(&mut self, worker: u32, run: RunId, ended: Ended) {
        let wrong = self.harms(Plant::WrongBlame).then(Key::default);
        let Some(node) = self.workers.get_mut(&worker) else { return };
        let since = node.running.remove(&run).map_or(self.now, |(_, since)| since);
        node.nested.remove(&run);
        node.making.remove(&run);
        let outcome = match ended {
            Ended::Failed(blame, failure) => Outcome::Failed { blame: wrong.or(blame), failure },
            Ended::Value(value, nbytes) => {
                node.keep(run, (value, nbytes));
                let (value, nbytes) = (small(value, nbytes), u64::from(nbytes));
                let duration = self.now.as_nanos().saturating_sub(since.as_nanos());
                Outcome::Finished { nbytes, duration, value }
            }
        };
        self.journal(Fact::Ended { run, worker });
        self.worker_event(worker, Event::Executed { run, outcome });
    }
}

pub(super) fn injected() -> Arc<TaskFailure> {
    Arc::new(TaskFailure::Failed {
        message: "injected".to_owned(),
        chain: Vec::new(),
        panic: false,
        location: None,
        worker: String::new(),
        attempts: 0,
    })
}
