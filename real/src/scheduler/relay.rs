//! The last resort of clients that cannot reach a worker: the scheduler connects them.
//!
//! Bytes go both ways as they come, through two small buffers a connection; nothing is kept, and
//! nothing is understood. This module must not know the machine.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use raddle_net::hello::{Hello, RefusedReason, Role, Welcome};

use crate::conn;
use crate::credentials::{Channel, Credentials};
use crate::listener::Visitor;
use crate::pulse::Pulse;
use crate::rt::{
    self, AsyncReadExt, AsyncWriteExt, OwnedSemaphorePermit, ReadHalf, Semaphore, WriteHalf,
};
use crate::throttle::Throttle;

/// Clients that are connected with workers at a time. Further ones are told to come again.
const MAX_RELAYS: usize = 64;
/// Bytes on their way, each way.
const BUFFER: usize = 64 << 10;
/// How long nothing may come from either side.
const MAX_SILENCE: Duration = Duration::from_secs(30);

/// All that are connected.
pub(super) struct Relays {
    credentials: Credentials,
    room: Arc<Semaphore>,
    log: Throttle,
}

impl Relays {
    /// Nobody is; the scheduler comes to workers with these credentials.
    pub(super) fn new(credentials: Credentials) -> Self {
        let room = Arc::new(Semaphore::new(MAX_RELAYS));
        Self { credentials, room, log: Throttle::default() }
    }

    /// Connects the visitor with the worker at the address that its hello names.
    pub(super) fn begin(&self, hello: Hello, visitor: Visitor) {
        self.log.log(|| {
            tracing::warn!(
                client = visitor.peer,
                worker = hello.name,
                "a client cannot reach a worker: values go through the scheduler"
            );
        });
        let permit = Arc::clone(&self.room).try_acquire_owned().ok();
        let credentials = self.credentials.clone();
        drop(rt::spawn(async move {
            if let Err(error) = relay(&hello, visitor, permit, &credentials).await {
                tracing::debug!(worker = hello.name, %error, "a client is not connected with it");
            }
        }));
    }
}

/// Dials the worker first: who is welcome has it at the other end.
async fn relay(
    hello: &Hello,
    visitor: Visitor,
    permit: Option<OwnedSemaphorePermit>,
    credentials: &Credentials,
) -> Result<(), conn::GreetingError> {
    let Some(_permit) = permit else { return visitor.refuse(RefusedReason::Full).await };
    let name = format!("{RELAY_OF} {}", visitor.peer);
    let words = Hello { name, ..Hello::new(Role::Data, hello.session) };
    let worker = match conn::open(&hello.name, words, credentials).await {
        Ok((_, worker)) => worker,
        Err(error) => {
            tracing::debug!(%error, "a client is refused");
            return visitor.refuse(RefusedReason::NoSuchWorker).await;
        }
    };
    let (client, _counted) = visitor.open(Welcome::new(0)).await?;
    Ok(connect(client, worker).await?)
}

/// How the scheduler calls itself to a worker whom it connects with a client.
const RELAY_OF: &str = "relay of";

/// Passes on what either says, until one of them ends.
async fn connect(client: Channel, worker: Channel) -> io::Result<()> {
    let pulse = Pulse::default();
    let (from_client, to_client) = rt::split(client);
    let (from_worker, to_worker) = rt::split(worker);
    rt::select! {
        biased;
        ended = pass(from_worker, to_client, &pulse) => ended,
        ended = pass(from_client, to_worker, &pulse) => ended,
        () = pulse.silence(MAX_SILENCE) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn pass(
    mut from: ReadHalf<Channel>,
    mut to: WriteHalf<Channel>,
    pulse: &Pulse,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
        to.flush().await?;
        pulse.beat();
    }
}
