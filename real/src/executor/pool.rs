//! The runtime for `async` bodies: of its own, so that a body that blocks does not stop the
//! worker's connections.
//!
//! This module must not know what is spawned.

use std::future::Future;
#[cfg(not(madsim))]
use std::io;
#[cfg(not(madsim))]
use std::sync::{Mutex, PoisonError};

/// A runtime that is started when the first body needs it.
#[cfg(not(madsim))]
#[derive(Debug)]
pub(crate) struct Pool {
    threads: usize,
    state: Mutex<State>,
}

#[cfg(not(madsim))]
#[derive(Debug, Default)]
enum State {
    Closed,
    #[default]
    Cold,
    Running(tokio::runtime::Runtime),
}

#[cfg(not(madsim))]
impl Pool {
    /// A runtime of `threads` threads, not yet started.
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, state: Mutex::default() }
    }

    /// Runs `future`; drops it, if the pool is closed.
    pub(crate) fn spawn(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Cold) {
            *state = State::Running(self.start()?);
        }
        if let State::Running(runtime) = &*state {
            drop(runtime.spawn(future));
        }
        Ok(())
    }

    fn start(&self) -> io::Result<tokio::runtime::Runtime> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.threads)
            .thread_name("raddle-async")
            .enable_all()
            .build()
    }

    /// Ends the runtime without waiting for what runs on it.
    pub(crate) fn close(&self) {
        let state = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *state, State::Closed)
        };
        if let State::Running(runtime) = state {
            runtime.shutdown_background();
        }
    }
}

/// In the simulation there is one runtime for all; this is what the pool has spawned there.
#[cfg(madsim)]
#[derive(Debug)]
pub(crate) struct Pool(std::sync::Mutex<Option<Vec<crate::rt::JoinHandle<()>>>>);

#[cfg(madsim)]
impl Pool {
    /// A pool that has spawned nothing.
    pub(crate) fn new(_threads: usize) -> Self {
        Self(std::sync::Mutex::new(Some(Vec::new())))
    }

    /// Runs `future`; drops it, if the pool is closed.
    #[expect(clippy::unnecessary_wraps, reason = "the real one can fail")]
    pub(crate) fn spawn(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        if let Some(spawned) = &mut *crate::hub::lock(&self.0) {
            spawned.retain(|task| !task.is_finished());
            spawned.push(crate::rt::spawn(future));
        }
        Ok(())
    }

    /// Ends what runs, as a runtime does that is shut down.
    pub(crate) fn close(&self) {
        let spawned = crate::hub::lock(&self.0).take();
        spawned.into_iter().flatten().for_each(|task| task.abort());
    }
}
