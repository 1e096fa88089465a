//! Pulls and pushes of values: who asked whom, and what the answer means to who asked.
//!
//! It must not know how long an answer takes.

use raddle_core::client::{Event as ClientEvent, FetchOutcome, Route, SendOutcome};
use raddle_core::time::Duration;
use raddle_core::worker::RequestId;
use raddle_net::messages::Item;
use raddle_net::names::{RunId, WorkerId};

use crate::failure::Failure;
use crate::journal::Fact;
use crate::oracle::Verdict;
use crate::probe::Probe;
use crate::property::Property;
use crate::world::{Delivery, Node, World};
use crate::{fields, knobs};

/// How long it takes to see that there is no way to a worker.
const UNREACHABLE_AFTER: Duration = Duration::from_millis(3);

/// The answer to a request for values.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Reply {
    Busy,
    Failed,
    /// Each item that was asked for, with its value and size if it is held.
    Items(Vec<(Item, Option<(u64, u32)>)>),
    Stored(bool),
}

/// Who asked a worker for values, or sent it one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asker {
    Client(usize, Item),
    Run(u32, RunId, Item),
    Sender(usize, Item),
    Worker(u32, WorkerId),
}

/// A request that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) asker: Asker,
    pub(crate) holder: u32,
}

impl World {
    /// A request of `asker` to `holder`.
    pub(crate) fn request(&mut self, asker: Asker, holder: u32) -> RequestId {
        let observation = self.watch.asks(asker);
        self.must(observation);
        self.next_request += 1;
        let request = RequestId(self.next_request);
        self.requests.insert(request, Request { asker, holder });
        request
    }

    /// Whether a client cannot reach a worker by this route: it is told so after a while.
    pub(crate) fn is_lost(&mut self, asker: Asker, address: &str, route: Route) -> bool {
        let (Node::Client(client), Some(worker)) = (asker.node(), fields::worker_at(address))
        else {
            return false;
        };
        let is_far = knobs::is_far(self.plan(), client, worker);
        match route {
            Route::Direct if is_far => {
                let request = self.request(asker, worker);
                let at = self.now + UNREACHABLE_AFTER;
                self.at(at, Delivery::Reply(request, Reply::Failed));
                true
            }
            Route::Direct => false,
            Route::Relayed => {
                self.probe_if(Probe::Relayed, is_far);
                false
            }
        }
    }

    /// What somebody who is gone had asked for is of no use.
    pub(crate) fn forget_requests(&mut self, gone: Node) {
        let of_it = self.requests.iter().filter(|(_, request)| request.asker.node() == gone);
        for (request, asker) in of_it.map(|(id, request)| (*id, request.asker)).collect::<Vec<_>>()
        {
            self.requests.remove(&request);
            self.watch.answered(asker);
        }
    }

    pub(crate) fn reply(&mut self, request: RequestId, reply: Reply) {
        let Some(Request { asker, holder }) = self.requests.remove(&request) else { return };
        self.watch.answered(asker);
        match asker {
            Asker::Client(client, item) => {
                let outcome = self.take_value(item, &reply, holder);
                self.probe_fetch(outcome.0);
                if outcome.0 == FetchOutcome::Unreachable {
                    self.watch.routes.ask_failed(client, item.key);
                }
                if let Some((value, _)) = outcome.1 {
                    self.fetched(client, item.key, value);
                }
                let Item { key, run } = item;
                let event = ClientEvent::Fetched { key, run, outcome: outcome.0 };
                self.client_event(client, event);
            }
            Asker::Run(worker, parent, item) => {
                let outcome = self.take_value(item, &reply, holder);
                self.run_fetched(
                    worker,
                    parent,
                    item,
                    outcome.0,
                    outcome.1.map(|(value, _)| value),
                );
            }
            Asker::Sender(client, Item { key, run }) => {
                let outcome = match reply {
                    Reply::Stored(true) => SendOutcome::Delivered,
                    Reply::Failed => SendOutcome::Unreachable,
                    Reply::Busy | Reply::Items(_) | Reply::Stored(false) => SendOutcome::Declined,
                };
                if outcome == SendOutcome::Unreachable {
                    self.watch.routes.send_failed(client);
                }
                self.client_event(client, ClientEvent::Sent { key, run, outcome });
            }
            Asker::Worker(worker, peer) => {
                self.journal_came(worker, holder, &reply);
                self.gathered(worker, peer, reply);
            }
        }
    }

    fn take_value(
        &mut self,
        item: Item,
        reply: &Reply,
        holder: u32,
    ) -> (FetchOutcome, Option<(u64, u32)>) {
        match reply {
            Reply::Busy => (FetchOutcome::Busy, None),
            Reply::Failed => (FetchOutcome::Unreachable, None),
            Reply::Items(items) => match items.first() {
                Some((_, Some(value))) => (FetchOutcome::Found, Some(*value)),
                Some((_, None)) | None => (FetchOutcome::Missing, None),
            },
            Reply::Stored(_) => {
                self.fail(Failure::Protocol(format!("worker {holder} stored {item:?}")));
                (FetchOutcome::Missing, None)
            }
        }
    }
}

impl World {
    fn journal_came(&mut self, worker: u32, from: u32, reply: &Reply) {
        let Reply::Items(items) = reply else { return };
        for (Item { key, .. }, value) in items {
            if let Some((_, nbytes)) = value {
                let nbytes = u64::from(*nbytes);
                self.journal(Fact::Came { key: *key, worker, from, nbytes });
            }
        }
    }

    /// What a worker is sent is what it asked for.
    pub(crate) fn check_sent(&mut self, worker: u32, reply: &Reply) {
        let Reply::Items(items) = reply else { return };
        for (item, value) in items {
            // What a run has submitted, the run judges.
            if let Some((value, _)) = value
                && self.oracle.knows(item.key)
                && let Verdict::Wrong(why) = self.oracle.judge_value(item.key, *value)
            {
                let wrong = format!("worker {worker} is sent run {}: {why}", item.run);
                self.fail(Failure::Broken(Property::Gather, wrong));
            }
        }
    }
}

impl Reply {
    /// Bytes of the values in it.
    pub(crate) fn nbytes(&self) -> u64 {
        match self {
            Self::Busy | Self::Failed | Self::Stored(_) => 0,
            Self::Items(items) => {
                items.iter().filter_map(|(_, value)| *value).map(|(_, n)| u64::from(n)).sum()
            }
        }
    }
}

impl Asker {
    pub(crate) fn node(&self) -> Node {
        match self {
            Self::Client(client, _) | Self::Sender(client, _) => Node::Client(*client),
            Self::Run(worker, ..) | Self::Worker(worker, _) => Node::Worker(*worker),
        }
    }
}
