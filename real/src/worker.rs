//! A worker: it registers at a scheduler, runs what it is given, and serves the values.
//!
//! Here are its connections and their loops. This module must not know the worker machine.

mod core;
mod door;
mod execute;
mod functions;
mod gauge;
mod nested;
mod parting;
mod shell;
mod spiller;
#[cfg(test)]
#[expect(unsafe_code, reason = "the linker's section, where the macros are not of another crate")]
mod tests;
mod turn;
#[cfg(madsim)]
pub(crate) mod watch;

use std::mem;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use raddle_core::worker::{Config, Event};
use raddle_net::hello::{Hello, Role};
use raddle_net::messages::{Registration, SchedulerToWorker, WorkerMessage};
use raddle_net::names::Session;

use self::core::Words;
use self::door::Door;
use self::gauge::Gauge;
pub(crate) use self::parting::Parting;
use self::shell::{Home, Shell};
use self::spiller::Spiller;
use crate::address::Address;
use crate::conn::{self, ConnError, Connection, FrameReader, FrameWriter};
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::hub::lock;
use crate::memory::MemoryOptions;
use crate::ports::{self, Ports, Reach};
use crate::pulse::beats;
use crate::redial::{Lost, redial};
use crate::resources::Resources;
use crate::stream::Number;
use crate::{memory, registry, rt};

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
    /// What it may use.
    pub(crate) memory: MemoryOptions,
    /// Whether the process is this worker's alone, so that what the process uses, it uses.
    pub(crate) has_process: bool,
    /// What it has for tasks that need it.
    pub(crate) resources: Resources,
    /// Where it listens for those who want values: a name or an IP address.
    pub(crate) host: String,
    /// Who it is, and who may come.
    pub(crate) credentials: Credentials,
    /// Where it listens.
    pub(crate) ports: Ports,
    /// Where others are told to reach it: a host, or with a port; `None` is where it listens.
    pub(crate) contact: Option<String>,
    /// How long it looks for a scheduler that is not there.
    pub(crate) death_timeout: Duration,
    /// Where it is reached, once it is registered.
    pub(crate) at: Arc<Mutex<String>>,
    /// Said by who wants it to leave in good order.
    pub(crate) parting: Arc<Parting>,
    /// Called with its address once it is registered.
    pub(crate) joined: Option<fn(&str)>,
}

impl WorkerOptions {
    /// It is reached as `reach` says, as far as it does.
    pub(crate) fn reached(&mut self, reach: Reach) {
        if let Some(host) = reach.host {
            self.host = host;
        }
        self.ports = reach.ports.unwrap_or(self.ports);
        self.contact = reach.contact;
    }

    /// A worker of `scheduler` with one thread, reachable from this machine alone.
    pub(crate) fn new(scheduler: String) -> Self {
        Self {
            scheduler,
            name: None,
            threads: 1,
            memory: MemoryOptions::default(),
            has_process: false,
            resources: Vec::new(),
            host: "127.0.0.1".to_owned(),
            credentials: Credentials::none(),
            ports: Ports::ANY,
            contact: None,
            death_timeout: Duration::ZERO,
            at: Arc::default(),
            parting: Arc::default(),
            joined: None,
        }
    }
}

/// Runs a worker until the scheduler ends the session, or is gone. When the connection breaks, the worker goes
/// on and dials again; if the scheduler does not know it any more, it starts anew, as another worker
/// with nothing.
///
/// To end it before, drop the future: its connections, its values and what waits for a thread go at
/// once. Bodies that run go on to their end, but nobody hears of it.
///
/// # Errors
///
/// It cannot listen, or the connection to the scheduler cannot be made, or whoever is there later is
/// no scheduler any more; or its process has too much in memory.
pub(crate) async fn run_worker(options: WorkerOptions) -> Result<()> {
    let mut grace = options.death_timeout;
    for incarnation in 1.. {
        let session = Session::truncate(rt::random());
        let mut hello = Hello::new(Role::Worker, session);
        hello.name = options.name.clone().unwrap_or_default();
        hello.incarnation = incarnation;
        let (host, credentials) = (options.host.clone(), options.credentials.clone());
        let door = Door::new(host, options.ports, credentials).await?;
        let (welcome, connection) = match incarnation {
            1 if options.death_timeout.is_zero() => {
                conn::connect(&options.scheduler, hello.clone(), &options.credentials).await?
            }
            // It has just been there, or is to come: it is worth some patience.
            _ => {
                let back = redial(&options.scheduler, &hello, &options.credentials, grace).await;
                back.map_err(gone)?
            }
        };
        grace = Duration::from_millis(welcome.grace).max(options.death_timeout);
        let ttl = Duration::from_millis(welcome.ttl);
        hello.epoch = welcome.epoch;
        if incarnation > 1 && options.parting.is_wanted() {
            // What it was to hand over is gone.
            return Ok(());
        }
        match live(&options, door, Line { hello, grace, ttl }, connection).await? {
            Life::Ended => return Ok(()),
            Life::Over(reason) => tracing::warn!(reason, "this worker starts anew"),
        }
    }
    unreachable!("incarnations do not run out")
}

/// How a life of a worker ended.
enum Life {
    /// The scheduler ended it.
    Ended,
    /// The session is over: what was here is of no use to anybody.
    Over(String),
}

/// The way back to the scheduler.
struct Line {
    /// What is said there, but for how far the scheduler was heard.
    hello: Hello,
    /// How long the scheduler waits.
    grace: Duration,
    /// How long the connection may be silent.
    ttl: Duration,
}

/// One life of a worker: one session, over one connection after the other.
async fn live(
    options: &WorkerOptions,
    door: Door,
    line: Line,
    connection: Connection,
) -> Result<Life> {
    let address = match &options.contact {
        Some(contact) => ports::contact(contact, &door.address),
        None => advertised(&door.address, connection.local),
    };
    let runtime = door.runtime.clone();
    let (scheduler, session) = (options.scheduler.clone(), line.hello.session);
    let credentials = options.credentials.clone();
    let memory_limit = options.memory.limit.or_else(memory::limit);
    let home = Home {
        config: config(options.threads, memory_limit),
        gauge: Gauge::new(options.memory.limits(memory_limit), options.has_process),
        spiller: Spiller::new(options.memory.spill()),
        runtime,
    };
    let shell = Shell::new(scheduler, address.clone(), session, credentials, home);
    let close = CloseOnDrop(Arc::clone(&shell));
    #[cfg(madsim)]
    watch::begin(&shell);
    shell.say(&WorkerMessage::Register(Registration {
        name: options.name.clone().unwrap_or_else(|| address.clone()),
        address: address.clone(),
        nthreads: u32::try_from(options.threads).unwrap_or(u32::MAX),
        memory_limit,
        functions: registry::functions(),
        resources: options.resources.clone(),
    }));
    let closed = door.open(&shell);
    let end = rt::select! {
        biased;
        end = converse(options, &shell, &line, connection) => end,
        () = shell.keep_time() => unreachable!("time does not end"),
        never = options.parting.ask(&shell) => match never {},
        () = shell.last_words() => Ok(Life::Ended),
    };
    let over = shell.is_over();
    drop(close);
    // The next life may have to listen at the same port. An error is the end that is waited for.
    let _ = closed.await;
    over.map_or(end, Err)
}

/// How the machine of a worker behaves that may use so much memory.
fn config(nthreads: usize, memory_limit: Option<u64>) -> Config {
    let usual = Config::default();
    let incoming_bytes = memory_limit.map_or(usual.incoming_bytes, memory::incoming);
    let message_bytes = usual.message_bytes.min(incoming_bytes);
    Config { nthreads, incoming_bytes, message_bytes, ..usual }
}

/// Talks to the scheduler, on one connection after the other.
async fn converse(
    options: &WorkerOptions,
    shell: &Arc<Shell>,
    line: &Line,
    mut connection: Connection,
) -> Result<Life> {
    let mut registered = false;
    loop {
        let Connection { reader, writer, .. } = connection;
        let pulse = reader.pulse.clone();
        // Writing first: while much is heard, what was said still leaves.
        let end = rt::select! {
            biased;
            end = write(shell, writer) => end,
            end = read(shell, reader, || {
                // The first word of a scheduler is the answer to the registration.
                if !mem::replace(&mut registered, true) {
                    joined(options, &shell.address);
                }
            }) => end,
            () = pulse.silence(line.ttl) => End::Broken(ConnError::Silent),
            never = beats(line.ttl, || shell.beat()) => match never {},
        };
        let reason = match end {
            End::Broken(error) if !error.ends_session() => error.to_string(),
            End::Broken(error) => {
                return Err(Error::disconnected(format!("the scheduler: {error}")));
            }
            End::Failed(error) => return Err(error),
            End::Ended if registered => return Ok(Life::Ended),
            End::Ended => return Err(not_registered()),
        };
        tracing::warn!(reason, "the connection to the scheduler broke");
        let hello = Hello { received: shell.received(), ..line.hello.clone() };
        let back = rt::select! {
            biased;
            () = shell.too_much() => {
                let reason = "there is too much to be said to a scheduler that is away";
                return Ok(Life::Over(reason.to_owned()));
            }
            back = redial(&options.scheduler, &hello, &options.credentials, line.grace) => back,
        };
        connection = match back {
            Ok((welcome, mut back)) => {
                if let Err(error) = shell.resume(welcome.received) {
                    return Ok(Life::Over(error.to_string()));
                }
                back.reader.expect_frame(hello.received + 1);
                back
            }
            // The goodbye was heard, and its answer was lost.
            Err(Lost::SessionUnknown) if shell.leaves() => return Ok(Life::Ended),
            Err(Lost::SessionUnknown) => return Ok(Life::Over(Lost::SessionUnknown.to_string())),
            // Without a scheduler there is nothing to do.
            Err(Lost::TimeUp(_)) => {
                tracing::warn!("the scheduler is gone");
                return Ok(Life::Ended);
            }
            Err(lost @ Lost::Refused(_)) => return Err(gone(lost)),
        };
        tracing::info!("connected to the scheduler again");
    }
}

/// How a connection ended.
enum End {
    /// It broke.
    Broken(ConnError),
    /// The scheduler ended the session.
    Ended,
    /// This worker cannot go on.
    Failed(Error),
}

/// Where others reach a listener: if it listens everywhere, at the address that the scheduler sees.
fn advertised(listener: &str, local: IpAddr) -> String {
    match listener.parse::<Address>() {
        Ok(Address { scheme, host, port }) if is_everywhere(&host) => {
            Address { scheme, host: local.to_string(), port }.to_string()
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

fn joined(options: &WorkerOptions, address: &str) {
    tracing::info!(scheduler = options.scheduler, address, "this worker is registered");
    address.clone_into(&mut lock(&options.at));
    if let Some(tell) = options.joined {
        tell(address);
    }
}

/// Hears what the scheduler says, and says `heard` after each frame. Returns why it ends.
async fn read(shell: &Arc<Shell>, mut reader: FrameReader, mut heard: impl FnMut()) -> End {
    loop {
        shell.room().await;
        let frame = match reader.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return End::Broken(ConnError::Closed),
            Err(error) => return End::Broken(error),
        };
        match shell.heard(Number::from(&frame)) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => return End::Broken(error.into()),
        }
        let messages = match frame.messages::<SchedulerToWorker>() {
            Ok(messages) => messages,
            Err(error) => return End::Broken(error.into()),
        };
        let says_something = !messages.is_empty();
        hear(shell, messages);
        if says_something {
            heard();
        }
        if frame.last {
            tracing::info!("the scheduler ended the session");
            return End::Ended;
        }
    }
}

fn hear(shell: &Arc<Shell>, messages: Vec<SchedulerToWorker>) {
    let mut messages = messages.into_iter().peekable();
    while messages.peek().is_some() {
        let mut turn = shell.turn();
        for message in messages.by_ref().take(TURN) {
            turn.handle(Event::FromScheduler(message));
        }
        turn.end();
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
async fn write(shell: &Arc<Shell>, mut writer: FrameWriter) -> End {
    loop {
        shell.hear_runs();
        let Words { chunks, flushes, broken, looks_again } = shell.take_words();
        let written = match chunks {
            Ok(chunks) if chunks.is_empty() => Ok(()),
            Ok(chunks) => writer.write_chunks(chunks).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = written {
            return End::Broken(error);
        }
        if let Some(error) = broken {
            return End::Failed(error);
        }
        shell.written(flushes);
        rt::select! {
            biased;
            () = shell.words() => {}
            () = rt::sleep(LOOK_AGAIN), if looks_again => {}
        }
    }
}

fn gone(lost: Lost) -> Error {
    Error::disconnected(format!("the scheduler: {lost}"))
}
