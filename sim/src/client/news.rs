//! What a client sees of its futures, and whether it is right.
//!
//! It must not know how the news came.

use raddle_core::client::Settled;
use raddle_net::messages::Failure as TaskFailure;
use raddle_net::names::Key;

use super::{Seen, SimClient, unpack};
use crate::failure::Failure;
use crate::history::{End, History};
use crate::oracle::Verdict;
use crate::property::Property;
use crate::world::World;

impl World {
    /// What was said of a key does not count any more. A failure is taken back only if somebody asked
    /// for that.
    pub(super) fn unsettled(&mut self, client: usize, key: Key) {
        let sim = &mut self.clients[client];
        let Some(seen) = sim.held.get_mut(&key) else { return };
        match seen {
            Seen::Done => *seen = Seen::Pending,
            Seen::Erred => {
                *seen = Seen::Pending;
                sim.ends.remove(&key);
                self.probe_revived(client);
                if !self.oracle.may_run_again(key) {
                    self.fail(Failure::Changed(format!("{key} had failed, and nobody retries it")));
                }
            }
            Seen::Pending | Seen::Value(_) => {}
        }
    }

    pub(super) fn settled(&mut self, client: usize, key: Key, settled: Settled) {
        if !self.clients[client].held.contains_key(&key) {
            if self.clients[client].scattered.remove(&key).is_some() {
                return; // It outlived its last handle, so that it could be sent.
            }
            let phantom = format!("client {client} hears of {key}, which it does not hold");
            return self.fail(Failure::Phantom(phantom));
        }
        let seen = match settled {
            Settled::Erred { blame, failure } => {
                self.report.coverage.see(&*failure);
                self.probe_failure(key, blame, &failure);
                let allowed = raddle_core::scheduler::Config::default().allowed_failures;
                let cut_off = matches!(&*failure, TaskFailure::Disconnected { .. })
                    && self.clients[client].cut_off;
                let verdict = match cut_off {
                    true => Verdict::Right,
                    false => self.oracle.judge_failure(key, blame, &failure, allowed),
                };
                self.judge(verdict, Failure::WrongFailure);
                self.clients[client].ends.insert(key, End::error(blame, &failure));
                Seen::Erred
            }
            Settled::InMemory { value: Some(value), .. } => {
                let value = unpack(&value);
                let verdict = self.oracle.judge_value(key, value);
                self.judge(verdict, Failure::WrongValue);
                self.clients[client].ends.insert(key, End::Value(value));
                Seen::Value(value)
            }
            Settled::InMemory { value: None, .. } => Seen::Done,
        };
        let before = self.clients[client].held.insert(key, seen);
        if before == Some(Seen::Erred) && seen != Seen::Erred {
            self.fail(Failure::Changed(format!("{key} had failed, and now has not")));
        }
    }

    pub(crate) fn fetched(&mut self, client: usize, key: Key, value: u64) {
        let verdict = self.oracle.judge_value(key, value);
        self.judge(verdict, Failure::WrongValue);
        if let Some(seen) = self.clients[client].held.get_mut(&key) {
            *seen = Seen::Value(value);
            self.clients[client].ends.insert(key, End::Value(value));
        }
    }

    /// How what is held ended.
    pub(crate) fn history(&self) -> History {
        let held = |client: &SimClient| {
            let ends = client.ends.iter().filter(|(key, _)| client.held.contains_key(*key));
            ends.map(|(key, end)| (*key, end.clone())).collect()
        };
        self.clients.iter().map(held).collect()
    }

    pub(super) fn judge(&mut self, verdict: Verdict, wrong: fn(String) -> Failure) {
        self.report.judged += 1;
        if let Verdict::Wrong(why) = verdict {
            self.fail(wrong(why));
        }
    }

    /// Every future that is still held has settled, and its value was gathered.
    pub(crate) fn judge_all(&self, property: Property) -> Result<(), Failure> {
        for client in &self.clients {
            let open = |(_, seen): &(&Key, &Seen)| matches!(seen, Seen::Pending | Seen::Done);
            if let Some((key, seen)) = client.held.iter().find(open) {
                let (number, why) = (client.number, self.explain(*key));
                let stuck = format!("{key} of client {number} is {seen:?}: {why}");
                return Err(Failure::Broken(property, stuck));
            }
            if let Some(id) = client.asked.first() {
                let stuck = format!("question {id} of client {} has no answer", client.number);
                return Err(Failure::Broken(property, stuck));
            }
        }
        Ok(())
    }
}
