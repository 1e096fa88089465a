//! What the scheduler knows of a worker, beyond what follows from the states of tasks.
//!
//! This module must not know tasks.

use std::collections::BTreeSet;

use raddle_net::messages::{Function, FunctionName, Runtime, TaskSpec};
use raddle_net::names::{Session, SpecId, WorkerId};

use super::super::event::ConnectionId;

/// A registered worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// Its own name for its life.
    pub session: Session,
    /// How it is reached.
    pub connection: ConnectionId,
    /// Whether it is there.
    pub presence: Presence,
    /// Its name, unique.
    pub name: String,
    /// Where it serves values, unique.
    pub address: String,
    /// Tasks it runs at a time.
    pub nthreads: u32,
    /// Native functions it offers.
    pub functions: BTreeSet<FunctionName>,
    /// Specs it was told.
    pub specs: BTreeSet<SpecId>,
    /// Workers whose address it was told.
    pub peers: BTreeSet<WorkerId>,
}

/// Whether a worker is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Its connection broke, and it is waited for: it keeps what it has and is given nothing.
    Away,
    /// It is being given up: nothing is said to it any more.
    Gone,
    /// It is connected.
    Here,
}

impl Worker {
    /// Whether it may run tasks of this spec.
    pub fn qualifies(&self, spec: &TaskSpec) -> bool {
        let allowed = &spec.options.workers;
        let allowed =
            allowed.is_empty() || allowed.iter().any(|w| *w == self.name || *w == self.address);
        allowed && self.offers(&spec.function)
    }

    /// Whether it has the code of this function.
    pub fn offers(&self, function: &Function) -> bool {
        match function.runtime {
            Runtime::Native => self.functions.contains(&FunctionName {
                name: function.name.clone(),
                signature: function.signature,
            }),
            Runtime::Receive => true,
        }
    }
}
