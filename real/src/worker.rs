//! A worker: it registers at a scheduler, runs what it is given, and serves the values.
//!
//! Here are its connections and their loops. This module must not know the worker machine.

mod core;
mod door;
mod execute;
mod functions;
mod nested;
mod shell;
#[cfg(test)]
#[expect(unsafe_code, reason = "the linker's section, where the macros are not of another crate")]
mod tests;
mod turn;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use raddle_core::worker::Event;
use raddle_net::hello::{Hello, Role};
use raddle_net::messages::{Registration, SchedulerToWorker, WorkerMessage};
use raddle_net::names::Session;

use self::core::Words;
use self::door::Door;
use self::shell::Shell;
use crate::address::Address;
use crate::conn::{self, ConnError, Connection, FrameReader, FrameWriter};
use crate::error::{Error, Result};
use crate::resources::Resources;
use crate::{registry, rt};

/// Messages that are handled under one lock: bodies that end meanwhile wait for it.
const TURN: usize = 256;

/// How long what short bodies have made may wait to be written, if nothing else wakes the writer.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How a worker is started.
#[derive(Clone, Debug)]
pub(crate) struct WorkerOptions {
    /// Address of the scheduler, `tcp://host:port`.
    pub(crate) scheduler: String,
    /// Unique in the cluster; if none, its address.
    pub(crate) name: Option<String>,
    /// Tasks that it runs at a time.
    pub(crate) threads: usize,
    /// What it has for tasks that need it.
    pub(crate) resources: Resources,
    /// Where it listens for those who want values: a name or an IP address.
    pub(crate) host: String,
    /// Called with its address once it is registered.
    pub(crate) joined: Option<fn(&str)>,
}

impl WorkerOptions {
    /// A worker of `scheduler` with one thread, reachable from this machine alone.
    pub(crate) fn new(scheduler: String) -> Self {
        Self {
            scheduler,
            name: None,
            threads: 1,
            resources: Vec::new(),
            host: "127.0.0.1".to_owned(),
            joined: None,
        }
    }
}

/// Runs a worker until the scheduler closes the connection.
///
/// To end it before, drop the future: its connections, its values and what waits for a thread go at
/// once. Bodies that run go on to their end, but nobody hears of it.
///
/// # Errors
///
/// It cannot listen, or the connection to the scheduler cannot be made, or breaks.
pub(crate) async fn run_worker(options: WorkerOptions) -> Result<()> {
    let door = Door::new(options.host).await?;
    let session = Session::truncate(rt::random());
    let mut hello = Hello::new(Role::Worker, session);
    hello.name = options.name.clone().unwrap_or_default();
    let (_, connection) = conn::connect(&options.scheduler, hello).await?;
    let Connection { reader, writer, local, options: frames, .. } = connection;
    let address = advertised(&door.address, local);
    let runtime = door.runtime.clone();
    let shell = Shell::new(address.clone(), options.threads, session, frames, runtime);
    let _end = CloseOnDrop(Arc::clone(&shell));
    shell.say(&WorkerMessage::Register(Registration {
        name: options.name.clone().unwrap_or_else(|| address.clone()),
        address: address.clone(),
        nthreads: u32::try_from(options.threads).unwrap_or(u32::MAX),
        functions: registry::functions(),
        resources: options.resources.clone(),
    }));
    door.open(&shell);
    // Writing first: while much is heard, what was said still leaves.
    rt::select! {
        biased;
        error = write(&shell, writer) => Err(error),
        read = read(&shell, reader, || joined(&options.scheduler, &address, options.joined)) => read,
        () = shell.keep_time() => unreachable!("time does not end"),
    }
}

/// Where others reach a listener: if it listens everywhere, at the address that the scheduler sees.
fn advertised(listener: &str, local: IpAddr) -> String {
    match listener.parse::<Address>() {
        Ok(Address { host, port }) if is_everywhere(&host) => {
            Address { host: local.to_string(), port }.to_string()
        }
        Ok(_) | Err(_) => listener.to_owned(),
    }
}

fn is_everywhere(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

/// The future of a worker was dropped, or is done.
struct CloseOnDrop(Arc<Shell>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn joined(scheduler: &str, address: &str, tell: Option<fn(&str)>) {
    tracing::info!(scheduler, address, "this worker is registered");
    if let Some(tell) = tell {
        tell(address);
    }
}

/// Hears what the scheduler says; `Ok` when it has closed the connection. `joined` is called when
/// the worker is registered.
async fn read(shell: &Arc<Shell>, mut reader: FrameReader, mut joined: impl FnMut()) -> Result<()> {
    let mut registered = false;
    loop {
        shell.room().await;
        let Some(frame) = reader.next().await.map_err(broken)? else {
            tracing::info!("the scheduler closed the connection");
            return if registered { Ok(()) } else { Err(not_registered()) };
        };
        let messages: Vec<SchedulerToWorker> =
            frame.messages().map_err(|error| broken(ConnError::from(error)))?;
        let mut messages = messages.into_iter().peekable();
        while messages.peek().is_some() {
            let mut turn = shell.turn();
            for message in messages.by_ref().take(TURN) {
                turn.handle(Event::FromScheduler(message));
            }
            turn.end();
        }
        // The first word of a scheduler is the answer to the registration.
        if !registered {
            registered = true;
            joined();
        }
    }
}

fn not_registered() -> Error {
    Error::Refused {
        peer: "the scheduler".to_owned(),
        reason: "it did not register this worker, its log says why; is another worker of the same \
                 name connected?"
            .to_owned(),
    }
}

/// Writes what is said. While a write is under way, the next batch grows. Returns why it ends.
async fn write(shell: &Arc<Shell>, mut writer: FrameWriter) -> Error {
    loop {
        shell.hear_runs();
        let Words { chunks, flushes, broken: reason, looks_again } = shell.take_words();
        if !chunks.is_empty()
            && let Err(error) = writer.write_chunks(chunks).await
        {
            return broken(error);
        }
        if let Some(reason) = reason {
            return Error::Protocol { peer: "the scheduler".to_owned(), reason };
        }
        shell.written(flushes);
        rt::select! {
            biased;
            () = shell.words() => {}
            () = rt::sleep(LOOK_AGAIN), if looks_again => {}
        }
    }
}

fn broken(error: ConnError) -> Error {
    Error::disconnected(format!("the scheduler: {error}"))
}
