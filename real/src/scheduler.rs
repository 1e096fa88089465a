//! The shell of the scheduler: a thread on which the machine, the sockets and the codec take turns.
//!
//! One task per connection reads whole frames into the reactor's mailbox and writes what the
//! reactor said to the peer; the reactor owns the machine. This module must not know how tasks are
//! scheduled.

mod peer;
mod reactor;
mod relay;
#[cfg(test)]
mod tests;

use std::time::Duration;

use raddle_core::scheduler::Config;
use raddle_net::names::WorkerId;

use self::reactor::{Command, Limits, Reactor};
use crate::credentials::{Credentials, Part};
use crate::error::{Error, Result};
use crate::listener::Listener;
use crate::ports::{self, Ports};
use crate::rt::{self, mpsc, oneshot};

/// The port of a scheduler that people start by hand.
pub(crate) const DEFAULT_PORT: u16 = 8786;

/// How long a connection may be silent: longer than a network, or a machine that is busy, stalls.
const TTL: Duration = Duration::from_secs(30);

/// How a scheduler is started.
#[derive(Clone, Debug)]
pub(crate) struct SchedulerOptions {
    /// Where it listens: a name or an IP address.
    pub(crate) host: String,
    /// Where it listens.
    pub(crate) ports: Ports,
    /// Where others are told to reach it: a host, or with a port; `None` is where it listens.
    pub(crate) contact: Option<String>,
    /// Who it is, and who may come.
    pub(crate) credentials: Credentials,
    /// How long a connection may be silent; 0 for as long as it likes.
    pub(crate) ttl: Duration,
    /// What peers may take.
    pub(crate) limits: Limits,
    /// How the machine behaves.
    pub(crate) config: Config,
}

impl Default for SchedulerOptions {
    /// A scheduler for this machine alone, at any free port.
    fn default() -> Self {
        // Simulated networks are quiet when nothing is to be done.
        let ttl = if cfg!(madsim) { Duration::ZERO } else { TTL };
        Self {
            host: "127.0.0.1".into(),
            ports: Ports::ANY,
            contact: None,
            credentials: Credentials::none(),
            ttl,
            limits: Limits::default(),
            config: Config::default(),
        }
    }
}

/// A running scheduler. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct RunningScheduler {
    address: String,
    commands: SchedulerHandle,
    ended: oneshot::Receiver<()>,
}

/// Tells a running scheduler what its own process knows. Cheap to clone; good on any thread.
#[derive(Clone, Debug)]
pub(crate) struct SchedulerHandle(mpsc::UnboundedSender<Command>);

impl RunningScheduler {
    /// Starts a scheduler on a thread of its own; returns when it listens.
    pub(crate) async fn start(options: SchedulerOptions) -> Result<Self> {
        let (listens, listening) = oneshot::channel();
        let (commands, mailbox) = mpsc::unbounded_channel();
        let ended = rt::thread("raddle-scheduler", async move {
            let SchedulerOptions { host, ports, contact, credentials, ttl, limits, config } =
                options;
            match Listener::bind_within(&host, ports, Part::Scheduler, &credentials).await {
                Ok(listener) => {
                    let at = listener.address();
                    let contact = contact.as_deref();
                    let address =
                        contact.map_or_else(|| at.to_owned(), |to| ports::contact(to, at));
                    // If nobody waits any more, the mailbox is closed, and the reactor ends.
                    let _ = listens.send(Ok(address));
                    let reactor = Reactor::new(config, ttl, credentials, limits, listener.faults());
                    reactor.run(listener, mailbox).await;
                }
                // As above: nobody to be told.
                Err(error) => drop(listens.send(Err(error))),
            }
        })?;
        match listening.await {
            Ok(Ok(address)) => Ok(Self { address, commands: SchedulerHandle(commands), ended }),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                Err(Error::Internal("the scheduler's thread ended before it listened".into()))
            }
        }
    }

    /// Where it is reached, `tcp://host:port` or `tls://host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Tells it things.
    pub(crate) fn handle(&self) -> &SchedulerHandle {
        &self.commands
    }

    /// Returns when the thread has ended; `None` if it has panicked.
    pub(crate) async fn ended(&mut self) -> Option<()> {
        (&mut self.ended).await.ok()
    }

    /// Closes all connections and waits until the thread has ended.
    pub(crate) async fn close(mut self) {
        self.commands.send(Command::Close);
        self.ended().await;
    }
}

impl Drop for RunningScheduler {
    fn drop(&mut self) {
        self.commands.send(Command::Close);
    }
}

impl SchedulerHandle {
    /// Calls `told`, on the scheduler's thread, whenever a worker called `name` is registered, with
    /// its id and the address at which it serves values.
    pub(crate) fn follow(&self, name: &str, told: impl FnMut(WorkerId, &str) + Send + 'static) {
        self.send(Command::Follow { name: name.to_owned(), told: Box::new(told) });
    }

    /// `worker` is gone for good; its parent has seen it end.
    pub(crate) fn worker_lost(&self, worker: WorkerId, reason: String) {
        self.send(Command::WorkerLost { worker, reason });
    }

    fn send(&self, command: Command) {
        // An error means that the scheduler has ended: it need not know.
        let _ = self.0.send(command);
    }
}
