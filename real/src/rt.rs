//! The runtime, in one place: exactly what the shell uses of tokio, so that the same shell compiles
//! for the simulated runtime (`cfg(madsim)`).
//!
//! This module must not know what the tasks and threads are for.

#[cfg(madsim)]
mod faulty;
#[cfg(madsim)]
pub mod network;

use std::future::Future;
use std::io;
use std::time::Duration;

pub(crate) use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf, split,
};
#[cfg(not(madsim))]
pub(crate) use tokio::net::{TcpListener, TcpStream};
pub(crate) use tokio::runtime::Handle;
pub(crate) use tokio::select;
pub(crate) use tokio::signal::ctrl_c;
pub(crate) use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
pub(crate) use tokio::task::{JoinHandle, spawn, yield_now};
pub(crate) use tokio::time::{Instant, sleep, sleep_until};

#[cfg(madsim)]
pub(crate) use self::faulty::{FaultyListener as TcpListener, FaultyStream as TcpStream, pause};

/// Runs `future` on a current-thread runtime of its own, on a new operating-system thread. When the
/// future ends, everything that it spawned there is dropped. The receiver gets the output, or an
/// error if the thread panicked.
#[cfg(not(madsim))]
pub(crate) fn thread<F>(name: &str, future: F) -> io::Result<oneshot::Receiver<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (done, output) = oneshot::channel();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let value = runtime.block_on(future);
        // What was spawned is gone before anybody hears of the end.
        drop(runtime);
        // Nobody waits: then nobody needs the output.
        let _ = done.send(value);
    })?;
    Ok(output)
}

/// In the simulation a thread is a task.
#[cfg(madsim)]
#[expect(clippy::unnecessary_wraps, reason = "the real one can fail")]
pub(crate) fn thread<F>(_name: &str, future: F) -> io::Result<oneshot::Receiver<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (done, output) = oneshot::channel();
    spawn(async move {
        // Nobody waits: then nobody needs the output.
        let _ = done.send(future.await);
    });
    Ok(output)
}

/// Runs `future` to its end on a new multi-thread runtime, and this thread until then.
pub(crate) fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}

/// Runs `future` to its end on a new runtime that has this thread alone: what its connections need
/// is done without waking another thread.
#[cfg(not(madsim))]
pub(crate) fn block_on_here<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}

/// In the simulation there is one kind of runtime.
#[cfg(madsim)]
pub(crate) fn block_on_here<F: Future>(future: F) -> io::Result<F::Output> {
    block_on(future)
}

/// The output of `future`, or `None` if it takes longer than `limit`. For connections being made
/// and ended, never for single messages.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    select! {
        biased;
        output = future => Some(output),
        () = sleep(limit) => None,
    }
}

/// Until this process is told to end: by an interrupt or by `SIGTERM`.
pub(crate) async fn told_to_end() -> io::Result<()> {
    select! {
        biased;
        interrupted = ctrl_c() => interrupted,
        terminated = terminated() => terminated,
    }
}

/// Until this process gets `SIGTERM`.
#[cfg(not(madsim))]
pub(crate) async fn terminated() -> io::Result<()> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?.recv().await;
    Ok(())
}

/// In the simulation there are interrupts alone.
#[cfg(madsim)]
pub(crate) async fn terminated() -> io::Result<()> {
    std::future::pending().await
}

/// 64 unpredictable bits: the names of sessions are drawn from them.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8)
}
