//! For the simulation (`cfg(madsim)`): what the workers of this thread hold.
//!
//! This module must not know why anybody asks.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use super::shell::Shell;

thread_local! {
    static WORKERS: RefCell<Vec<Weak<Shell>>> = const { RefCell::new(Vec::new()) };
}

/// `shell` is that of a worker which begins.
pub(super) fn begin(shell: &Arc<Shell>) {
    WORKERS.with_borrow_mut(|workers| {
        workers.retain(|worker| worker.strong_count() > 0);
        workers.push(Arc::downgrade(shell));
    });
}

/// A line for each worker that lives and has anything left.
pub(crate) fn left() -> Vec<String> {
    let workers: Vec<_> =
        WORKERS.with_borrow(|workers| workers.iter().filter_map(Weak::upgrade).collect());
    workers.iter().filter_map(look).collect()
}

fn look(shell: &Arc<Shell>) -> Option<String> {
    let mut turn = shell.turn();
    let core = turn.core();
    let (values, bodies, requests) = (core.store.len(), core.runs.len(), core.requests.len());
    let empty = values + bodies + requests == 0 && core.machine.is_empty();
    let left = (!core.closed && !empty).then(|| {
        let at = &shell.address;
        format!("{at}: {values} values, {bodies} bodies, {requests} requests, {:?}", core.machine)
    });
    turn.end();
    left
}
