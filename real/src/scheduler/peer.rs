//! One connection of the scheduler: a task that reads and writes it, and what the reactor knows.
//!
//! This module must not know the machine.

use std::sync::Arc;
use std::time::Duration;

use raddle_core::scheduler::ConnectionId;
use raddle_net::hello::Hello;
use raddle_net::messages::{ClientMessage, WorkerMessage};

use crate::conn::{ConnError, Connection, FrameReader};
use crate::outbox::Outbox;
use crate::rt::{self, JoinHandle, mpsc};

/// How long a peer may take to read the last words when its connection is closed.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// What comes to the reactor.
#[derive(Debug)]
pub(super) enum Mail {
    /// Somebody said hello.
    Arrived(Box<Hello>, Box<Connection>),
    /// The words of one frame.
    Words(ConnectionId, Words),
    /// A connection ended, for this reason.
    Broken(ConnectionId, String),
}

/// The words of one frame, by the role of who said them.
#[derive(Debug)]
pub(super) enum Words {
    /// A client's.
    Client(Vec<ClientMessage>),
    /// A worker's.
    Worker(Vec<WorkerMessage>),
}

/// Who talks to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A client.
    Client,
    /// A worker.
    Worker,
}

/// A connection as the reactor sees it.
#[derive(Debug)]
pub(super) struct Peer {
    /// Who it is.
    pub(super) kind: Kind,
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
    task: JoinHandle<()>,
}

impl Peer {
    /// Reads and writes `connection` from now on, as `id`.
    pub(super) fn start(
        id: ConnectionId,
        kind: Kind,
        name: &str,
        connection: Connection,
        mailbox: mpsc::Sender<Mail>,
    ) -> Self {
        let outbox = Arc::new(Outbox::new(connection.options));
        let label = match name.is_empty() {
            true => connection.peer.clone(),
            false => format!("{name} at {}", connection.peer),
        };
        let task = rt::spawn(serve(id, kind, connection, Arc::clone(&outbox), mailbox));
        Self { kind, label, outbox, dirty: false, failed: None, registered: None, task }
    }

    /// Ends the connection once everything said has left, or after a while.
    pub(super) fn close(self) {
        let mut task = self.task;
        self.outbox.close();
        drop(rt::spawn(async move {
            if rt::within(CLOSE_LIMIT, &mut task).await.is_none() {
                task.abort();
            }
        }));
    }

    /// Ends the connection now.
    pub(super) fn abort(self) {
        self.task.abort();
    }
}

/// Reads and writes until either ends.
async fn serve(
    id: ConnectionId,
    kind: Kind,
    connection: Connection,
    outbox: Arc<Outbox>,
    mailbox: mpsc::Sender<Mail>,
) {
    let Connection { reader, writer, .. } = connection;
    // Writing first: under a flood of requests the answers still leave.
    let ended = rt::select! {
        biased;
        written = outbox.drain(writer) => written,
        read = read(id, kind, reader, &mailbox) => read,
    };
    let reason = match ended {
        Ok(()) => "the peer closed the connection".to_owned(),
        Err(error) => error.to_string(),
    };
    // An error means that the reactor has ended: it need not know.
    let _ = mailbox.send(Mail::Broken(id, reason)).await;
}

/// Hands whole frames to the reactor; waits while its mailbox is full, and so makes the peer wait.
async fn read(
    id: ConnectionId,
    kind: Kind,
    mut reader: FrameReader,
    mailbox: &mpsc::Sender<Mail>,
) -> Result<(), ConnError> {
    while let Some(frame) = reader.next().await? {
        let words = match kind {
            Kind::Client => Words::Client(frame.messages()?),
            Kind::Worker => Words::Worker(frame.messages()?),
        };
        if mailbox.send(Mail::Words(id, words)).await.is_err() {
            break;
        }
    }
    Ok(())
}
