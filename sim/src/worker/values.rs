//! Values that a simulated worker asks for, serves and gets.
//!
//! It must not know what they are for.

use raddle_core::time::Duration;
use raddle_core::worker::{Event, GatherOutcome, RequestId};
use raddle_net::messages::Item;
use raddle_net::names::WorkerId;

use super::disk::Value;
use crate::failure::Failure;
use crate::fields;
use crate::plant::Plant;
use crate::requests::{Asker, Reply};
use crate::world::{Delivery, Node, World};

impl World {
    /// Asks the worker at `address` for values.
    pub(crate) fn ask(&mut self, asker: Asker, address: &str, items: Vec<Item>) {
        let Some(request) = self.ask_of(asker, address) else { return };
        let holder = self.requests[&request].holder;
        let event = Event::Asked { request, items };
        self.send(asker.node(), Node::Worker(holder), Delivery::Worker(holder, event));
    }

    pub(crate) fn ask_of(&mut self, asker: Asker, at: &str) -> Option<RequestId> {
        let Some(holder) = fields::worker_at(at) else {
            self.fail(Failure::Protocol(format!("no worker listens at {at}")));
            return None;
        };
        Some(self.request(asker, holder))
    }

    pub(super) fn serve(&mut self, worker: u32, request: RequestId, items: Vec<(Item, bool)>) {
        let node = self.workers.get_mut(&worker).expect("it has just had an effect");
        let (mut values, mut away) = (Vec::new(), None);
        for (item, held) in items {
            match if held { node.take_up(item.run) } else { Ok(None) } {
                Ok(taken) => {
                    let nbytes = taken.and_then(|taken| taken.away);
                    away = nbytes.map(|nbytes| away.unwrap_or(0) + nbytes).or(away);
                    values.push((item, taken.map(|taken| taken.value)));
                }
                Err(failure) => return self.fail(failure),
            }
        }
        match away {
            Some(nbytes) => self.serve_from_disk(worker, request, values, nbytes),
            None => self.reply_values(worker, request, values),
        }
    }

    /// What was asked for is in memory.
    pub(super) fn reply_values(
        &mut self,
        worker: u32,
        request: RequestId,
        mut values: Vec<(Item, Option<Value>)>,
    ) {
        if self.harms(Plant::WrongRun) {
            let other = self.workers[&worker].any_value();
            values.iter_mut().for_each(|(_, value)| *value = value.and(other));
        }
        self.answer(worker, request, Reply::Items(values));
        if !self.harms(Plant::SkipServed) {
            let at = self.now + Duration::from_micros(30);
            self.at(at, Delivery::Worker(worker, Event::Served { request }));
        }
    }

    pub(super) fn answer(&mut self, worker: u32, request: RequestId, reply: Reply) {
        let Some(asked) = self.requests.get(&request) else { return };
        let (from, to) = (Node::Worker(worker), asked.asker.node());
        self.send_values(from, to, reply.nbytes(), Delivery::Reply(request, reply));
    }

    /// What a worker asked of a peer has come, or not.
    pub(crate) fn gathered(&mut self, worker: u32, peer: WorkerId, reply: Reply) {
        self.check_sent(worker, &reply);
        let Some(node) = self.workers.get_mut(&worker) else { return };
        let outcome = match reply {
            Reply::Busy => GatherOutcome::Busy,
            Reply::Failed | Reply::Stored(_) => GatherOutcome::Failed,
            Reply::Items(items) => {
                let (mut found, mut missing) = (Vec::new(), Vec::new());
                for (item, value) in items {
                    match value {
                        Some((value, nbytes)) => {
                            node.keep(item.run, (value, nbytes));
                            found.push((item.run, u64::from(nbytes)));
                        }
                        None => missing.push(item.run),
                    }
                }
                GatherOutcome::Got { found, missing }
            }
        };
        self.account(worker);
        self.worker_event(worker, Event::Gathered { peer, outcome });
    }
}
