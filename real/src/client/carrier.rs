//! The thread that carries a client's words: it reads frames and writes batches, and pulls and
//! pushes values.
//!
//! It keeps its hub only while it uses it. When the program has dropped the last handle, the hub's
//! last words are sent and the thread ends. This module must not know what the words mean.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use raddle_net::frame::FrameEncoder;
use raddle_net::hello::{Hello, Role};
use raddle_net::messages::{ClientMessage, Item, SchedulerToClient};
use raddle_net::names::{Session, WorkerId};

use super::pulls::Pulls;
use crate::clock;
use crate::conn::{self, ConnectError, Connection, FrameReader, FrameWriter};
use crate::error::{Error, Result};
use crate::hub::{Hub, Link, lock};
use crate::rt::{self, Handle, Notify, oneshot};
use crate::transfer::Peers;
use crate::value::Value;

/// How long after a first refusal the scheduler is tried again; each next pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Connects, on a thread of its own; for at most `limit`, and the time of one try. The receiver
/// hears of the end of that thread.
pub(super) async fn connect(
    address: String,
    limit: Duration,
) -> Result<(Arc<Hub>, oneshot::Receiver<()>)> {
    let (tell, told) = oneshot::channel();
    let ended = rt::thread("raddle-client", carry(address, limit, tell))?;
    match told.await {
        Ok(connected) => Ok((connected?, ended)),
        Err(_) => Err(Error::disconnected("the client's thread ended before it was connected")),
    }
}

async fn carry(
    address: String,
    limit: Duration,
    tell: oneshot::Sender<Result<Arc<Hub>, ConnectError>>,
) {
    let session = Session::truncate(rt::random());
    let connection = match dial(&address, session, limit).await {
        Ok(connection) => connection,
        Err(error) => {
            // Nobody waits for it any more: then nobody needs to know.
            let _ = tell.send(Err(error));
            return;
        }
    };
    let carrier = Arc::new(Carrier::new(session));
    let link: Arc<dyn Link> = Arc::clone(&carrier) as Arc<dyn Link>;
    let hub = Hub::new(session, link);
    let weak = Arc::downgrade(&hub);
    // Nobody waits for it any more: then the hub goes at once, and says goodbye below.
    let _ = tell.send(Ok(hub));
    let Connection { reader, writer, options, .. } = connection;
    let reason = rt::select! {
        biased;
        reason = write(&weak, &carrier, writer, FrameEncoder::new(options)) => reason,
        reason = read(&weak, reader) => Some(reason),
    };
    if let (Some(reason), Some(hub)) = (reason, weak.upgrade()) {
        tracing::warn!(scheduler = address, reason, "the client is disconnected");
        hub.closed(&reason);
    }
}

/// Dials until somebody answers, or there is no time for another try.
async fn dial(
    address: &str,
    session: Session,
    limit: Duration,
) -> Result<Connection, ConnectError> {
    let give_up = rt::Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    loop {
        match conn::connect(address, Hello::new(Role::Client, session)).await {
            Ok((_welcome, connection)) => return Ok(connection),
            Err(ConnectError::Unreachable { .. }) if rt::Instant::now() + pause < give_up => {
                rt::sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Hands what the scheduler says to the hub, a frame at a time. Returns why it ends.
async fn read(hub: &Weak<Hub>, mut reader: FrameReader) -> String {
    loop {
        let frame = match reader.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return "the scheduler closed the connection".to_owned(),
            Err(error) => return error.to_string(),
        };
        let messages = match frame.messages::<SchedulerToClient>() {
            Ok(messages) => messages,
            Err(error) => return format!("the scheduler cannot be understood: {error}"),
        };
        if let Some(hub) = hub.upgrade() {
            hub.received(messages);
        }
    }
}

/// Writes what the hub says. While a write is under way, the next batch grows. Returns why it
/// ends, or nothing after the last words.
async fn write(
    hub: &Weak<Hub>,
    carrier: &Carrier,
    mut writer: FrameWriter,
    mut encoder: FrameEncoder,
) -> Option<String> {
    let mut batch = Vec::new();
    loop {
        let last = lock(&carrier.last).take();
        let ends = last.is_some();
        match last {
            Some(last) => batch = last,
            None => {
                if let Some(hub) = hub.upgrade() {
                    hub.flush(&mut batch);
                }
            }
        }
        if batch.is_empty() && !ends {
            carrier.wait(hub).await;
            continue;
        }
        for message in batch.drain(..) {
            if let Err(error) = encoder.push::<ClientMessage>(&message) {
                return Some(format!("a message cannot be sent: {error}"));
            }
        }
        if let Err(error) = writer.write(&mut encoder).await {
            return Some(error.to_string());
        }
        if ends {
            return None;
        }
    }
}

/// The link between a hub and its connection.
struct Carrier {
    /// There is something to flush, or there are last words.
    notify: Notify,
    last: Mutex<Option<Vec<ClientMessage>>>,
    /// Of the thread that carries.
    runtime: Handle,
    peers: Arc<Peers>,
    pulls: Arc<Pulls>,
}

impl Carrier {
    /// Must be made on the thread that carries.
    fn new(session: Session) -> Self {
        let peers = Arc::new(Peers::new(session));
        Self {
            notify: Notify::new(),
            last: Mutex::default(),
            runtime: Handle::current(),
            pulls: Arc::new(Pulls::new(Arc::clone(&peers))),
            peers,
        }
    }

    /// Until the hub has something to say, or the time of its machine's deadline has come.
    async fn wait(&self, hub: &Weak<Hub>) {
        let deadline = hub.upgrade().and_then(|hub| hub.next_deadline());
        let Some(deadline) = deadline else {
            self.notify.notified().await;
            return;
        };
        rt::select! {
            biased;
            () = self.notify.notified() => {}
            () = rt::sleep_until(clock::at(deadline)) => {
                if let Some(hub) = hub.upgrade() {
                    hub.tick();
                }
            }
        }
    }
}

impl Link for Carrier {
    fn wake(&self) {
        self.notify.notify_one();
    }

    fn pull(&self, hub: &Arc<Hub>, item: Item, nbytes: u64, _: WorkerId, address: Arc<str>) {
        if self.pulls.add(&address, item, nbytes) {
            let (pulls, hub) = (Arc::clone(&self.pulls), Arc::clone(hub));
            self.runtime.spawn(async move { pulls.run(&hub, &address).await });
        }
    }

    fn push(&self, hub: &Arc<Hub>, item: Item, value: Arc<Value>, address: Arc<str>) {
        let (peers, hub) = (Arc::clone(&self.peers), Arc::clone(hub));
        self.runtime.spawn(async move {
            let delivered =
                peers.push_value(&address, item, &value).await.unwrap_or_else(|error| {
                    tracing::debug!(%error, key = %item.key, "a value could not be pushed");
                    false
                });
            hub.sent(item, delivered);
        });
    }

    fn farewell(&self, last: Vec<ClientMessage>) {
        *lock(&self.last) = Some(last);
        self.notify.notify_one();
    }
}
