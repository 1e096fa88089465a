//! The thread that carries a client's words: it reads frames and writes batches, and pulls and
//! pushes values.
//!
//! It keeps its hub only while it uses it. When a connection breaks, it dials again and goes on. When
//! the program has dropped the last handle, the hub's last words are sent, and the thread ends when
//! the scheduler has heard them. This module must not know what the words mean.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use raddle_core::client::Route;
use raddle_net::hello::{Hello, Role, Welcome};
use raddle_net::limits::ACK_BYTES;
use raddle_net::messages::{ClientMessage, Item, SchedulerToClient};
use raddle_net::names::Session;

use super::lanes::Lanes;
use super::pulls::Pulls;
use crate::clock;
use crate::conn::{self, ConnError, ConnectError, Connection, FrameReader, FrameWriter};
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::hub::{Hub, Link, lock};
use crate::pulse::beats;
use crate::redial::redial;
use crate::rt::{self, Handle, Notify, oneshot};
use crate::stream::{Heard, Number, Stream};
use crate::transfer::{Peers, push_end};
use crate::value::Value;

/// How long after a first refusal the scheduler is tried again; each next pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Bytes that are on their way to the scheduler, or wait there, beyond which further words wait here:
/// what is urgent then passes them. Enough to keep the scheduler busy until it has acknowledged some.
const WINDOW: usize = 2 * ACK_BYTES;
/// With fewer bytes on their way there is room again. More than the scheduler ever leaves without an
/// acknowledgement, headers of frames included.
const WINDOW_OPENS: usize = ACK_BYTES + ACK_BYTES / 2;
/// How long the last words may take to reach a scheduler that has gone, or is busy.
const FAREWELL_LIMIT: Duration = Duration::from_secs(5);
/// Why a client is disconnected whose session the scheduler has ended.
const ENDED: &str = "the scheduler ended the session";

/// Connects, on a thread of its own; for at most `limit`, and the time of one try. The receiver
/// hears of the end of that thread.
pub(super) async fn connect(
    address: String,
    credentials: Credentials,
    limit: Duration,
) -> Result<(Arc<Hub>, oneshot::Receiver<()>)> {
    let (tell, told) = oneshot::channel();
    let ended = rt::thread("raddle-client", carry(address, credentials, limit, tell))?;
    match told.await {
        Ok(connected) => Ok((connected?, ended)),
        Err(_) => Err(Error::disconnected("the client's thread ended before it was connected")),
    }
}

async fn carry(
    address: String,
    credentials: Credentials,
    limit: Duration,
    tell: oneshot::Sender<Result<Arc<Hub>, ConnectError>>,
) {
    let session = Session::truncate(rt::random());
    let connection = match dial(&address, session, &credentials, limit).await {
        Ok(connection) => connection,
        Err(error) => {
            // Nobody waits for it any more: then nobody needs to know.
            let _ = tell.send(Err(error));
            return;
        }
    };
    let (welcome, connection) = connection;
    let carrier = Arc::new(Carrier::new(session, &address, credentials.clone()));
    let link: Arc<dyn Link> = Arc::clone(&carrier) as Arc<dyn Link>;
    let hub = Hub::new(session, link);
    let weak = Arc::downgrade(&hub);
    // Nobody waits for it any more: then the hub goes at once, and says goodbye below.
    let _ = tell.send(Ok(hub));
    let line = Line {
        hello: Hello { epoch: welcome.epoch, ..Hello::new(Role::Client, session) },
        grace: Duration::from_millis(welcome.grace),
        ttl: Duration::from_millis(welcome.ttl),
        address,
        credentials,
    };
    let reason = rt::select! {
        biased;
        reason = converse(&weak, &carrier, &line, connection) => reason,
        () = carrier.said_farewell() => return,
    };
    if let Some(hub) = weak.upgrade()
        && hub.why_closed().is_none()
    {
        match reason == ENDED {
            // It said so, in good order.
            true => tracing::info!(scheduler = line.address, reason, "the client is disconnected"),
            false => tracing::warn!(scheduler = line.address, reason, "the client is disconnected"),
        }
        hub.closed(&reason);
    }
}

/// The way back to the scheduler.
struct Line {
    address: String,
    credentials: Credentials,
    /// What is said there, but for how far the scheduler was heard.
    hello: Hello,
    /// How long the scheduler waits.
    grace: Duration,
    /// How long the connection may be silent.
    ttl: Duration,
}

/// Talks to the scheduler, on one connection after the other. Returns why the session is over.
async fn converse(
    hub: &Weak<Hub>,
    carrier: &Carrier,
    line: &Line,
    mut connection: Connection,
) -> String {
    let (stream, mut lanes) = (Mutex::new(Stream::new()), Lanes::default());
    loop {
        let Connection { reader, writer, .. } = connection;
        let pulse = reader.pulse.clone();
        let beat = || {
            lock(&stream).beat();
            carrier.notify.notify_one();
        };
        let end = rt::select! {
            biased;
            end = write(hub, carrier, &stream, &mut lanes, writer) => end,
            end = read(hub, carrier, &stream, reader) => end,
            () = pulse.silence(line.ttl) => End::Broken(ConnError::Silent),
            never = beats(line.ttl, beat) => match never {},
        };
        let reason = match end {
            End::Broken(error) if !error.ends_session() => error.to_string(),
            End::Broken(error) => return error.to_string(),
            End::Over(reason) => return reason,
        };
        tracing::warn!(scheduler = line.address, reason, "the connection broke");
        let hello = Hello { received: lock(&stream).received(), ..line.hello.clone() };
        connection = match redial(&line.address, &hello, &line.credentials, line.grace).await {
            Ok((welcome, mut back)) => {
                if let Err(error) = lock(&stream).resume(welcome.received) {
                    return error.to_string();
                }
                back.reader.expect_frame(hello.received + 1);
                back
            }
            Err(lost) => return format!("{reason}, and {lost}"),
        };
        tracing::info!(scheduler = line.address, "connected again");
    }
}

/// How a connection ended.
enum End {
    /// It broke.
    Broken(ConnError),
    /// The session is over, for this reason.
    Over(String),
}

/// Dials until somebody answers, or there is no time for another try.
async fn dial(
    address: &str,
    session: Session,
    credentials: &Credentials,
    limit: Duration,
) -> Result<(Welcome, Connection), ConnectError> {
    let give_up = rt::Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    loop {
        match conn::connect(address, Hello::new(Role::Client, session), credentials).await {
            Ok(connected) => return Ok(connected),
            Err(ConnectError::Unreachable { .. }) if rt::Instant::now() + pause < give_up => {
                rt::sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Hands what the scheduler says to the hub, a frame at a time. Returns why it ends.
async fn read(
    hub: &Weak<Hub>,
    carrier: &Carrier,
    stream: &Mutex<Stream>,
    mut reader: FrameReader,
) -> End {
    loop {
        let frame = match reader.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return End::Broken(ConnError::Closed),
            Err(error) => return End::Broken(error),
        };
        let (heard, has_room) = {
            let mut stream = lock(stream);
            (stream.heard(Number::from(&frame)), stream.kept() < WINDOW_OPENS)
        };
        let Heard { is_new, wakes } = match heard {
            Ok(heard) => heard,
            Err(error) => return End::Broken(error.into()),
        };
        if wakes || (has_room && carrier.is_held_up.swap(false, Ordering::Relaxed)) {
            carrier.notify.notify_one();
        }
        if !is_new {
            continue;
        }
        let messages = match frame.messages::<SchedulerToClient>() {
            Ok(messages) => messages,
            Err(error) => return End::Over(format!("the scheduler cannot be understood: {error}")),
        };
        if let Some(hub) = hub.upgrade() {
            hub.received(messages);
        }
        if frame.last {
            return End::Over(ENDED.to_owned());
        }
    }
}

/// Writes what the hub says. While a write is under way, the next batch grows. Returns why it ends.
/// After the last words it is the scheduler who ends the session.
async fn write(
    hub: &Weak<Hub>,
    carrier: &Carrier,
    stream: &Mutex<Stream>,
    lanes: &mut Lanes,
    mut writer: FrameWriter,
) -> End {
    let mut batch = Vec::new();
    loop {
        carrier.take_words(hub, &mut batch, lanes.bytes());
        lanes.extend(batch.drain(..));
        let taken = {
            let mut stream = lock(stream);
            while stream.kept() < WINDOW
                && let Some(message) = lanes.next()
            {
                if let Err(error) = stream.push(&message) {
                    return End::Over(format!("a message cannot be sent: {error}"));
                }
            }
            carrier.is_held_up.store(!lanes.is_empty(), Ordering::Relaxed);
            stream.take()
        };
        let written = match taken {
            Ok(chunks) if chunks.is_empty() => {
                carrier.wait(hub).await;
                continue;
            }
            Ok(chunks) => writer.write_chunks(chunks).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = written {
            return End::Broken(error);
        }
    }
}

/// What the hub says when it goes. Nothing follows.
#[derive(Default)]
enum LastWords {
    /// It has not gone.
    #[default]
    Unsaid,
    /// They are to be sent.
    Said(Vec<ClientMessage>),
    /// They were taken, to be sent.
    Taken,
}

/// The link between a hub and its connection.
struct Carrier {
    /// There is something to flush, or there are last words, or what was held up may go on.
    notify: Notify,
    /// The writer has words that wait until the scheduler has acknowledged others. Changes while the
    /// stream is locked, or when it has been.
    is_held_up: AtomicBool,
    last: Mutex<LastWords>,
    /// There were last words.
    leaves: Notify,
    /// Of the thread that carries.
    runtime: Handle,
    peers: Arc<Peers>,
    pulls: Arc<Pulls>,
}

impl Carrier {
    /// Must be made on the thread that carries.
    fn new(session: Session, scheduler: &str, credentials: Credentials) -> Self {
        let peers = Arc::new(Peers::new(session, credentials).through(scheduler));
        Self {
            notify: Notify::new(),
            is_held_up: AtomicBool::new(false),
            last: Mutex::default(),
            leaves: Notify::new(),
            runtime: Handle::current(),
            pulls: Arc::new(Pulls::new(Arc::clone(&peers))),
            peers,
        }
    }

    /// Moves what is to be said to `batch`: the last words, if there are any. Of what was moved before,
    /// `kept` bytes are still here.
    fn take_words(&self, hub: &Weak<Hub>, batch: &mut Vec<ClientMessage>, kept: usize) {
        if let Some(hub) = self.speaker(hub) {
            return hub.flush(batch, kept);
        }
        let mut last = lock(&self.last);
        if let LastWords::Said(words) = &mut *last {
            batch.append(words);
            *last = LastWords::Taken;
        }
    }

    /// The hub, unless it has gone or said its last words.
    fn speaker(&self, hub: &Weak<Hub>) -> Option<Arc<Hub>> {
        let speaks = matches!(*lock(&self.last), LastWords::Unsaid);
        if speaks { hub.upgrade() } else { None }
    }

    /// A while after the last words: whoever has not heard them by then will miss us.
    async fn said_farewell(&self) {
        self.leaves.notified().await;
        rt::sleep(FAREWELL_LIMIT).await;
    }

    /// Until the hub has something to say, or the time of its machine's deadline has come.
    async fn wait(&self, hub: &Weak<Hub>) {
        let deadline = self.speaker(hub).and_then(|hub| hub.next_deadline());
        let Some(deadline) = deadline else {
            self.notify.notified().await;
            return;
        };
        rt::select! {
            biased;
            () = self.notify.notified() => {}
            () = rt::sleep_until(clock::at(deadline)) => {
                if let Some(hub) = self.speaker(hub) {
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

    fn pull(&self, hub: &Arc<Hub>, item: Item, nbytes: u64, address: Arc<str>, route: Route) {
        let way = (address, route);
        if self.pulls.add(&way, item, nbytes) {
            let (pulls, hub) = (Arc::clone(&self.pulls), Arc::clone(hub));
            self.runtime.spawn(async move { pulls.run(&hub, &way).await });
        }
    }

    fn push(&self, hub: &Arc<Hub>, item: Item, value: Arc<Value>, address: Arc<str>, route: Route) {
        let (peers, hub) = (Arc::clone(&self.peers), Arc::clone(hub));
        self.runtime.spawn(async move {
            let pushed = peers.push_value((&address, route), item, &value).await;
            hub.sent(item, push_end(pushed));
        });
    }

    fn farewell(&self, last: Vec<ClientMessage>) {
        *lock(&self.last) = LastWords::Said(last);
        self.notify.notify_one();
        self.leaves.notify_one();
    }
}
