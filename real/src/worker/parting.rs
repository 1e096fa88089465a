//! A worker that is to leave asks the scheduler, in its own stream, whether it may.
//!
//! This module must not know who wants it to leave, and for how long that is waited for.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use raddle_net::messages::WorkerMessage;

use super::shell::Shell;
use crate::rt::Notify;

/// Whether a worker is to leave: it is given nothing new, its bodies end, what only it holds goes to
/// others, and then it ends by itself.
#[derive(Debug, Default)]
pub(crate) struct Parting {
    wanted: AtomicBool,
    notify: Notify,
}

impl Parting {
    /// It is to leave. Said once.
    pub(crate) fn want(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        self.notify.notify_one();
    }

    /// Whether it was said.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// Once it is to leave, asks the scheduler whether it may. It hears of the answer otherwise.
    pub(super) async fn ask(&self, shell: &Arc<Shell>) -> Infallible {
        self.notify.notified().await;
        shell.say(&WorkerMessage::Retire);
        pending().await
    }
}
