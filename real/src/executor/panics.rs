//! Panics of bodies: caught, with message and location, and without noise on standard error.
//!
//! Panics elsewhere go on as before, to the hook that was there. This module must not know what a
//! body is.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// A panic that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panic {
    /// What it says.
    pub(crate) message: String,
    /// `file:line:column`; `None` if the program has put a hook of its own in place of ours.
    pub(crate) location: Option<String>,
}

thread_local! {
    /// Whether this thread is inside of `catch`.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic inside of `catch` was.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; catches its panic.
pub(crate) fn catch<R>(work: impl FnOnce() -> R) -> Result<R, Panic> {
    static HOOK: Once = Once::new();
    HOOK.call_once(install);
    let outer = CATCHING.replace(true);
    // What `work` owned is dropped while unwinding; nothing half-changed is seen by anybody.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(outer);
    result.map_err(|payload| Panic {
        message: message(&*payload),
        location: LOCATION.with_borrow_mut(Option::take),
    })
}

fn install() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // A thread that ends has no thread-locals any more: it is not catching.
        if CATCHING.try_with(Cell::get).unwrap_or(false) {
            remember(info);
        } else {
            previous(info);
        }
    }));
}

fn remember(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    // As above: without thread-locals there is nothing to be remembered for.
    let _ = LOCATION.try_with(|last| last.replace(location));
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic with a payload that is not text".to_owned()
    }
}
