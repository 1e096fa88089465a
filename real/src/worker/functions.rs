//! Which registered function a spec means.
//!
//! This module must not know how a function is run.

use std::collections::BTreeMap;
use std::sync::Arc;

use raddle_net::messages::{Failure, Runtime, TaskSpec};

use crate::command;
use crate::registry::{self, TaskEntry};

/// Names in the explanation of an unknown function.
const NEAREST: usize = 3;

/// Functions by spec. A spec is recognised by where it is in memory: the machine hands out the same
/// one for each task.
#[derive(Default)]
pub(super) struct Functions {
    known: BTreeMap<usize, Known>,
}

struct Known {
    /// Kept, so that no other spec takes its place in memory.
    _spec: Arc<TaskSpec>,
    entry: Option<&'static TaskEntry>,
}

impl Functions {
    /// The function that `spec` means; `None` if this program has no such function.
    pub(super) fn find(&mut self, spec: &Arc<TaskSpec>) -> Option<&'static TaskEntry> {
        let known = self.known.entry(Arc::as_ptr(spec).addr()).or_insert_with(|| Known {
            _spec: Arc::clone(spec),
            entry: match spec.function.runtime {
                Runtime::Command => Some(command::entry()),
                Runtime::Native => registry::find(&spec.function.name, spec.function.signature),
                // Nothing runs: the machine never asks.
                Runtime::Receive => None,
            },
        });
        known.entry
    }
}

/// Why `spec` cannot be run by the worker at `address`.
pub(super) fn unknown(spec: &TaskSpec, address: &str) -> Failure {
    let name = &spec.function.name;
    let nearest = registry::nearest(name, NEAREST);
    let names = match nearest.is_empty() {
        true => "it has none with a similar name".to_owned(),
        false => format!("it has `{}`", nearest.join("`, `")),
    };
    Failure::NoWorker {
        reason: format!(
            "the worker at {address} has no function `{name}` with these argument and result types; \
             {names}. Is the crate of the task named in the worker's code (`use your_crate as _;`), \
             and are both built from the same source?"
        ),
    }
}
