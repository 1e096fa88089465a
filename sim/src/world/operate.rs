//! What a plan does to the world, and what is needed after it so that all can be done.
//!
//! It must not know when.

use raddle_core::time::Duration;

use super::World;
use crate::plan::{Op, Question};

impl World {
    pub(super) fn operate(&mut self, op: &Op) {
        if op.client().is_some_and(|client| self.clients[client].gone) {
            return;
        }
        self.report.coverage.see(op);
        if let Op::Wish(_, wish) = op {
            self.report.coverage.see(wish);
        } else if let Op::Query(_, question) = op {
            self.report.coverage.see(question);
        }
        match op {
            Op::Ambush(moment, nth) => self.ambushes.push((*moment, *nth)),
            Op::Cancel(client, keys) => self.cancel(*client, keys.clone()),
            Op::Clog(from, to, micros) => self.clog(*from, *to, Duration::from_micros(*micros)),
            Op::Cut(place, noticed, away) => {
                let [noticed, away] = [*noticed, *away].map(Duration::from_micros);
                self.cut(*place, noticed, away);
            }
            Op::Disk(number, fault) => {
                self.alive(*number).into_iter().for_each(|w| self.spoil(w, *fault));
            }
            Op::Goodbye(client) => self.close_client(*client, true),
            Op::Join(nthreads) => self.join(*nthreads),
            Op::Kill(number) => self.alive(*number).into_iter().for_each(|w| self.die(w)),
            Op::Leave(number) => self.alive(*number).into_iter().for_each(|w| self.leave(w)),
            Op::Meddle(bits) => self.meddle(*bits),
            Op::Pause(number, micros) => {
                let duration = Duration::from_micros(*micros);
                self.alive(*number).into_iter().for_each(|w| self.pause(w, duration));
            }
            Op::Query(client, question) => self.query(*client, *question),
            Op::Release(client, keys) => self.release(*client, keys.iter().copied()),
            Op::Scatter(client, task) => self.scatter(*client, task),
            Op::Submit(client, tasks) => self.submit(*client, tasks),
            Op::Vanish(client) => self.close_client(*client, false),
            Op::Wish(client, wish) => self.wish(*client, wish),
        }
    }

    /// The worker of this number, among those alive (modulo).
    pub(crate) fn alive(&self, number: usize) -> Option<u32> {
        self.workers.keys().nth(number % self.workers.len().max(1)).copied()
    }

    /// What is needed so that work is done again: somebody who does it, whoever rests or is to leave,
    /// and disks. What stands still goes on by itself; who left has left.
    pub(super) fn heal(&mut self) {
        self.ambushes.clear();
        self.replace_disks();
        if self.workers.is_empty() || self.plan.holds_workers_back() {
            self.join(1);
        }
        // Who waits for something to be said must not do so for ever.
        for client in 0..self.clients.len() {
            if !self.clients[client].gone {
                self.query(client, Question::Say);
            }
        }
    }
}
