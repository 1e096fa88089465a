//! The link of a run that submits tasks of its own: its words ride on the worker's stream, and it
//! gives its slot back while it waits.
//!
//! This module must not know what the words mean.

use std::sync::{Arc, Weak};

use raddle_core::client::{FetchOutcome, Route};
use raddle_core::worker::Event;
use raddle_net::messages::{ClientMessage, Item};
use raddle_net::names::RunId;

use super::shell::Shell;
use super::spiller::Job;
use crate::context::Run;
use crate::error::TaskError;
use crate::hub::{Hub, Link};
use crate::transfer;
use crate::value::Value;

/// Carries the words of one run.
pub(super) struct RunLink {
    shell: Arc<Shell>,
    id: RunId,
    /// The run keeps its hub, which keeps this.
    run: Weak<Run>,
}

impl RunLink {
    /// The link of `run`.
    pub(super) fn new(shell: Arc<Shell>, run: &Arc<Run>) -> Self {
        Self { shell, id: run.id, run: Arc::downgrade(run) }
    }
}

impl Link for RunLink {
    fn wake(&self) {
        // A run that is over has nothing to say.
        if let Some(run) = self.run.upgrade() {
            self.shell.speaks(run);
        }
    }

    fn pull(&self, hub: &Arc<Hub>, item: Item, nbytes: u64, address: Arc<str>, route: Route) {
        if let Some(value) = self.shell.held(item.run) {
            if !value.is_away() {
                hub.fetched([(item, Ok(value))]);
                return;
            }
            let (shell, hub) = (Arc::clone(&self.shell), Arc::clone(hub));
            let read = vec![Arc::clone(&value)];
            let then = move |read: Result<(), TaskError>| match read {
                Ok(()) => hub.fetched([(item, Ok(value))]),
                Err(error) => shell.is_lost(&error),
            };
            self.shell.spiller.ask(&self.shell, Job::Read(read, Box::new(then)));
            return;
        }
        if *address == *self.shell.address {
            hub.fetched([(item, Err(FetchOutcome::Missing))]);
            return;
        }
        let (shell, hub) = (Arc::clone(&self.shell), Arc::clone(hub));
        self.shell.spawn(async move {
            let items = [item];
            let pulled = shell.peers.pull_values((&address, route), &items, nbytes).await;
            hub.fetched(transfer::pull_ends(&items, pulled));
        });
    }

    fn push(&self, hub: &Arc<Hub>, item: Item, value: Arc<Value>, address: Arc<str>, route: Route) {
        let (shell, hub) = (Arc::clone(&self.shell), Arc::clone(hub));
        self.shell.spawn(async move {
            let pushed = shell.peers.push_value((&address, route), item, &value).await;
            hub.sent(item, transfer::push_end(pushed));
        });
    }

    /// What the run wanted ends with the run: nothing need be said.
    fn farewell(&self, _last: Vec<ClientMessage>) {}

    fn blocked(&self) -> bool {
        let Some(run) = self.run.upgrade() else { return false };
        // First: what the slot is given to may need one more thread.
        self.shell.body_sleeps(&run);
        self.shell.tell(Event::Blocked { run: self.id });
        true
    }

    fn unblocked(&self) {
        self.shell.tell(Event::Unblocked { run: self.id });
    }
}
