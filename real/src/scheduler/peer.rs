//! One peer of the scheduler: what the reactor knows of it, and the tasks that read and write its
//! connection, one after the other in one session.
//!
//! This module must not know the machine.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;
use std::vec;

use raddle_core::scheduler::ConnectionId;
use raddle_net::error::SessionError;
use raddle_net::hello::{Hello, Welcome};
use raddle_net::messages::{ClientMessage, WorkerMessage};
use raddle_net::names::Session;

use crate::conn::{self, ConnError, Connection, FrameReader};
use crate::listener::Visitor;
use crate::outbox::Outbox;
use crate::pulse::beats;
use crate::rt::{self, JoinHandle, OwnedSemaphorePermit, Semaphore, mpsc};
use crate::stream::Number;

/// Frames of one peer that wait for the machine; further ones wait in its socket.
const FRAMES: usize = 2;
/// How long a peer may take to read the last words when its connection is closed.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// How long after a worker has gone its port is probed again; each next pause is twice as long.
const FIRST_PROBE: Duration = Duration::from_millis(20);
/// The longest pause between two probes.
const LONGEST_PROBE: Duration = Duration::from_secs(1);

/// What comes to the reactor.
#[derive(Debug)]
pub(super) enum Mail {
    /// Somebody said hello.
    Arrived(Box<Hello>, Box<Visitor>),
    /// A connection ended.
    Broken(Link, Break),
    /// Nobody listens any more where the worker did.
    Refuses(ConnectionId),
    /// The words of one frame.
    Words(Link, Number, Spoken),
}

/// The words of one frame, on their way to the machine.
#[derive(Debug)]
pub(super) struct Spoken {
    /// Those that it has not heard.
    pub(super) words: Words,
    /// When all are heard, there is room for another frame of the peer.
    _room: OwnedSemaphorePermit,
}

/// One connection of a peer: which peer's, and the how many-th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link(pub(super) ConnectionId, u64);

/// How a connection ended.
#[derive(Debug)]
pub(super) struct Break {
    /// In words.
    pub(super) reason: String,
    /// The session must not go on.
    pub(super) is_final: bool,
    /// The peer was wrong, rather than the network.
    pub(super) is_fault: bool,
}

/// The words of one frame, by the role of who said them.
#[derive(Debug)]
pub(super) enum Words {
    /// A client's.
    Client(vec::IntoIter<ClientMessage>),
    /// A worker's.
    Worker(vec::IntoIter<WorkerMessage>),
}

/// Who talks to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A client.
    Client,
    /// A worker.
    Worker,
}

/// A session as the reactor sees it, connected or not.
#[derive(Debug)]
pub(super) struct Peer {
    /// Who it is.
    pub(super) kind: Kind,
    /// Its own name for its life.
    pub(super) session: Session,
    /// For people: its name and where it comes from.
    pub(super) label: String,
    /// What is to be said to it.
    pub(super) outbox: Arc<Outbox>,
    /// Something was said since the writer was last woken.
    pub(super) dirty: bool,
    /// Why something could not be said.
    pub(super) failed: Option<String>,
    /// Name and address of a worker, as it registered them.
    pub(super) registered: Option<(String, String)>,
    /// The present connection, if there is one.
    link: Option<(Link, JoinHandle<()>)>,
    /// Connections so far.
    links: u64,
    /// Looks whether a worker that is away still listens.
    probe: Option<JoinHandle<()>>,
}

impl Peer {
    /// A new session, not yet connected.
    pub(super) fn new(kind: Kind, hello: &Hello, visitor: &Visitor) -> Self {
        let label = match hello.name.is_empty() {
            true => visitor.peer.clone(),
            false => format!("{} at {}", hello.name, visitor.peer),
        };
        Self {
            kind,
            session: hello.session,
            label,
            outbox: Arc::new(Outbox::new()),
            dirty: false,
            failed: None,
            registered: None,
            link: None,
            links: 0,
            probe: None,
        }
    }

    /// From now on the session goes on with `visitor`, which has everything up to frame `received`.
    /// A connection that is still there is closed: the newest is the one that counts. On failure
    /// nothing has changed, and the visitor is given back.
    pub(super) fn attach(
        &mut self,
        id: ConnectionId,
        visitor: Visitor,
        received: u64,
        welcome: Welcome,
        mailbox: mpsc::Sender<Mail>,
    ) -> Result<(), (SessionError, Visitor)> {
        let link = Link(id, self.links + 1);
        let heard = match self.outbox.attach(link.1, received) {
            Ok(heard) => heard,
            Err(error) => return Err((error, visitor)),
        };
        self.detach();
        self.links += 1;
        let welcome = Welcome { received: heard, ..welcome };
        let outbox = Arc::clone(&self.outbox);
        let task = rt::spawn(serve(link, self.kind, visitor, welcome, outbox, mailbox));
        self.link = Some((link, task));
        Ok(())
    }

    /// Ends the connection now, and the probe. The session may go on.
    pub(super) fn detach(&mut self) {
        if let Some((_, task)) = self.link.take() {
            task.abort();
        }
        if let Some(probe) = self.probe.take() {
            probe.abort();
        }
    }

    /// Whether `link` is the present connection: what comes from an earlier one comes again.
    pub(super) fn is_linked_by(&self, link: Link) -> bool {
        self.link.as_ref().is_some_and(|(present, _)| *present == link)
    }

    /// Whether there is a connection.
    pub(super) fn is_linked(&self) -> bool {
        self.link.is_some()
    }

    /// While the worker is away, looks whether it still listens.
    pub(super) fn probe(&mut self, id: ConnectionId, mailbox: mpsc::Sender<Mail>) {
        if let Some((_, address)) = self.registered.clone() {
            self.probe = Some(rt::spawn(probe(id, address, mailbox)));
        }
    }

    /// Ends the session once everything said has left, or after a while. The task is done when it
    /// has ended.
    pub(super) fn close(mut self) -> Option<JoinHandle<()>> {
        self.outbox.close();
        let link = self.link.take();
        self.detach();
        let (_, mut task) = link?;
        Some(rt::spawn(async move {
            if rt::within(CLOSE_LIMIT, &mut task).await.is_none() {
                task.abort();
            }
        }))
    }
}

/// Reads and writes until either ends.
async fn serve(
    link: Link,
    kind: Kind,
    visitor: Visitor,
    welcome: Welcome,
    outbox: Arc<Outbox>,
    mailbox: mpsc::Sender<Mail>,
) {
    let (heard, ttl) = (welcome.received, Duration::from_millis(welcome.ttl));
    let ended = match visitor.welcome(welcome).await {
        Ok(Connection { mut reader, writer, .. }) => {
            reader.expect_frame(heard + 1);
            let pulse = reader.pulse.clone();
            // Writing first: under a flood of requests the answers still leave.
            rt::select! {
                biased;
                written = outbox.drain(link.1, writer) => written,
                read = read(link, kind, reader, &mailbox) => read,
                () = pulse.silence(ttl) => Err(ConnError::Silent),
                never = beats(ttl, || outbox.beat()) => match never {},
            }
        }
        Err(error) => {
            tracing::debug!(%error, "a peer left before it was welcomed");
            Ok(())
        }
    };
    let ended = match ended {
        Ok(()) => Break {
            reason: "the connection was closed".to_owned(),
            is_final: false,
            is_fault: false,
        },
        Err(error) => Break {
            reason: error.to_string(),
            is_final: error.ends_session(),
            is_fault: error.is_fault(),
        },
    };
    // An error means that the reactor has ended: it need not know.
    let _ = mailbox.send(Mail::Broken(link, ended)).await;
}

/// Hands whole frames to the reactor; waits while those before have not been heard, and so makes the
/// peer wait.
async fn read(
    link: Link,
    kind: Kind,
    mut reader: FrameReader,
    mailbox: &mpsc::Sender<Mail>,
) -> Result<(), ConnError> {
    let room = Arc::new(Semaphore::new(FRAMES));
    while let Some(frame) = reader.next().await? {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let words = match kind {
            Kind::Client => Words::Client(frame.messages()?.into_iter()),
            Kind::Worker => Words::Worker(frame.messages()?.into_iter()),
        };
        let words = Spoken { words, _room: permit };
        if mailbox.send(Mail::Words(link, Number::from(&frame), words)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Asks the machine of a worker that is away whether anybody still listens there, until nobody does.
async fn probe(id: ConnectionId, address: String, mailbox: mpsc::Sender<Mail>) {
    let mut pause = FIRST_PROBE;
    while !conn::refuses(&address).await {
        rt::sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PROBE);
    }
    // An error means that the reactor has ended: it need not know.
    let _ = mailbox.send(Mail::Refuses(id)).await;
}
