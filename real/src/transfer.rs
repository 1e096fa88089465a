//! Values on their way between processes: asked for, or brought, over pooled connections.
//!
//! A connection carries one request at a time, and is kept for the next one if the answer was
//! whole. This module must not know why a value is wanted, or who serves it: that is [`serve`].
//!
//! [`serve`]: crate::serve

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use raddle_core::client::{FetchOutcome, Route, SendOutcome};
use raddle_net::error::EncodeError;
use raddle_net::frame::{Frame, FrameEncoder};
use raddle_net::hello::{Hello, RefusedReason, Role};
use raddle_net::limits::{MAX_SEGMENTS, MAX_UNSOLICITED_SEGMENTS, MAX_VALUE};
use raddle_net::messages::{Item, ItemReply, PeerReply, PeerRequest};
use raddle_net::names::Session;
use raddle_net::payload::ValueType;

use crate::conn::{self, ConnError, ConnectError, Connection};
use crate::credentials::Credentials;
use crate::error::TaskError;
use crate::value::Value;

/// Connections that are kept for the next request, to one address.
const MAX_IDLE_PER_PEER: usize = 2;
/// Connections that are kept for the next request, in all.
const MAX_IDLE: usize = 256;

/// Values were not transferred.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransferError {
    /// The peer serves as many as it may.
    #[error("the peer serves as many as it may")]
    Busy,
    /// The connection could not be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke.
    #[error(transparent)]
    Connection(#[from] ConnError),
    /// The connection ended where an answer should have come.
    #[error("the peer closed the connection without an answer")]
    Ended,
    /// The request cannot be put on the wire.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The value cannot be put into bytes.
    #[error("the value cannot be sent: {0}")]
    Value(#[from] TaskError),
    /// The peer's answer is not one to the question.
    #[error("the peer's answer does not fit the question: {0}")]
    WrongAnswer(&'static str),
}

impl TransferError {
    /// Whether the same is to be tried again, in a while.
    const fn is_busy(&self) -> bool {
        match self {
            Self::Busy
            | Self::Connect(ConnectError::Refused { reason: RefusedReason::Full, .. }) => true,
            Self::Connect(_)
            | Self::Connection(_)
            | Self::Encode(_)
            | Self::Ended
            | Self::Value(_)
            | Self::WrongAnswer(_) => false,
        }
    }
}

/// The processes that values are pulled from and pushed to. Belongs to one runtime.
#[derive(Debug)]
pub(crate) struct Peers {
    session: Session,
    credentials: Credentials,
    /// Where those are reached who cannot be reached otherwise; empty if nowhere.
    scheduler: String,
    /// Who is reached there, and was complained of.
    relayed: Mutex<BTreeSet<Box<str>>>,
    idle: Mutex<Idle>,
}

/// Connections without a request, the last used one last.
#[derive(Debug, Default)]
struct Idle {
    lines: BTreeMap<Box<str>, Vec<Line>>,
    count: usize,
}

/// A connection with the encoder that counts its frames.
#[derive(Debug)]
struct Line {
    connection: Connection,
    encoder: FrameEncoder,
}

/// A frame to send, as messages and segment.
struct Request<'a> {
    message: &'a PeerRequest,
    segment: Option<Bytes>,
    /// Bytes of segments that the answer may have.
    expected: u64,
}

impl Peers {
    /// No connections yet, on behalf of `session`.
    pub(crate) fn new(session: Session, credentials: Credentials) -> Self {
        let (scheduler, relayed, idle) = (String::new(), Mutex::default(), Mutex::default());
        Self { session, credentials, scheduler, relayed, idle }
    }

    /// The same; who cannot be reached otherwise is reached through this scheduler.
    pub(crate) fn through(self, scheduler: &str) -> Self {
        Self { scheduler: scheduler.to_owned(), ..self }
    }

    /// Asks the worker at `address` for `items`, which have about `nbytes` bytes together. The
    /// answers are in the order of `items`; `None`: it does not hold that one.
    pub(crate) async fn pull_values(
        &self,
        (address, route): (&str, Route),
        items: &[Item],
        nbytes: u64,
    ) -> Result<Vec<Option<Arc<Value>>>, TransferError> {
        let mut values = Vec::with_capacity(items.len());
        for items in items.chunks(MAX_SEGMENTS) {
            let message = &PeerRequest::Get { items: items.to_vec() };
            let request = Request { message, segment: None, expected: budget(nbytes) };
            let answer = self.ask(address, route, request).await?;
            read_items(items, answer, &mut values)?;
        }
        Ok(values)
    }

    /// Brings the scattered `value` of `item` to the worker at `address`. `false`: it does not
    /// expect that value.
    pub(crate) async fn push_value(
        &self,
        (address, route): (&str, Route),
        item: Item,
        value: &Value,
    ) -> Result<bool, TransferError> {
        let message = &PeerRequest::Put { item, value_type: value.value_type() };
        let request = Request { message, segment: Some(value.bytes()?), expected: 0 };
        match self.ask(address, route, request).await?.reply {
            PeerReply::Stored => Ok(true),
            PeerReply::Unexpected => Ok(false),
            PeerReply::Busy => Err(TransferError::Busy),
            PeerReply::Items { .. } => Err(TransferError::WrongAnswer("values, to a push")),
        }
    }

    /// One request and its answer. A connection that was kept may have been closed meanwhile by the
    /// peer: then a new one is tried.
    async fn ask(
        &self,
        address: &str,
        route: Route,
        request: Request<'_>,
    ) -> Result<Answer, TransferError> {
        if route == Route::Relayed && !self.scheduler.is_empty() {
            return self.relay(address, &request).await;
        }
        while let Some(mut line) = self.take(address) {
            if let Ok(answer) = line.exchange(&request).await {
                self.keep(address, line);
                return Ok(answer);
            }
        }
        let hello = Hello::new(Role::Data, self.session);
        let (_, connection) = conn::connect(address, hello, &self.credentials).await?;
        // There is one more: then those that are of no use go.
        self.sweep();
        let mut line = Line::new(connection);
        let answer = line.exchange(&request).await?;
        self.keep(address, line);
        Ok(answer)
    }

    /// One request and its answer through the scheduler, which has few such connections: none is kept.
    async fn relay(&self, address: &str, request: &Request<'_>) -> Result<Answer, TransferError> {
        let name = address.to_owned();
        let hello = Hello { name, ..Hello::new(Role::Relay, self.session) };
        let (_, connection) = conn::connect(&self.scheduler, hello, &self.credentials).await?;
        self.complain(address);
        Line::new(connection).exchange(request).await
    }

    /// Says once of each worker that it is far away.
    fn complain(&self, address: &str) {
        let mut relayed = self.relayed.lock().unwrap_or_else(PoisonError::into_inner);
        if relayed.insert(address.into()) {
            tracing::warn!(
                "the worker at {address} cannot be reached from here: what it holds comes through \
                 the scheduler, which is slow and keeps it from its work; is there a way to that \
                 address, or another one to start the worker with, by --contact-address?"
            );
        }
    }

    fn take(&self, address: &str) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = idle.lines.get_mut(address)?;
        let line = lines.pop();
        if lines.is_empty() {
            idle.lines.remove(address);
        }
        idle.count -= usize::from(line.is_some());
        line
    }

    /// Drops the connections that their peers have closed. Those of workers that are gone are never
    /// asked for again.
    fn sweep(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.lines.retain(|_, lines| {
            lines.retain_mut(|line| line.connection.reader.is_quiet());
            !lines.is_empty()
        });
        idle.count = idle.lines.values().map(Vec::len).sum();
    }

    fn keep(&self, address: &str, line: Line) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.count >= MAX_IDLE {
            // Which one goes matters little: its peer is asked on a new one.
            let dropped = idle.lines.pop_first();
            idle.count -= dropped.map_or(0, |(_, lines)| lines.len());
        }
        let lines = idle.lines.entry(address.into()).or_default();
        if lines.len() < MAX_IDLE_PER_PEER {
            lines.push(line);
            idle.count += 1;
        }
    }
}

impl Line {
    fn new(connection: Connection) -> Self {
        let encoder = FrameEncoder::new(connection.options);
        Self { connection, encoder }
    }

    async fn exchange(&mut self, request: &Request<'_>) -> Result<Answer, TransferError> {
        self.encoder.push(request.message)?;
        if let Some(segment) = &request.segment {
            self.encoder.push_segment(segment.clone())?;
        }
        self.connection.writer.write(&mut self.encoder).await?;
        self.connection.reader.expect_segments(request.expected);
        let frame = self.connection.reader.next().await?.ok_or(TransferError::Ended)?;
        read_reply(frame)
    }
}

/// How each pull of `items` ended, in the words of a client machine.
pub(crate) fn pull_ends(
    items: &[Item],
    pulled: Result<Vec<Option<Arc<Value>>>, TransferError>,
) -> Vec<(Item, Result<Arc<Value>, FetchOutcome>)> {
    match pulled {
        Ok(values) => {
            let ends = values.into_iter().map(|value| value.ok_or(FetchOutcome::Missing));
            items.iter().copied().zip(ends).collect()
        }
        Err(error) => {
            let outcome = match error.is_busy() {
                true => FetchOutcome::Busy,
                false => FetchOutcome::Unreachable,
            };
            tracing::debug!(%error, "values could not be pulled");
            items.iter().map(|item| (*item, Err(outcome))).collect()
        }
    }
}

/// How a push ended, in the words of a client machine.
pub(crate) fn push_end(pushed: Result<bool, TransferError>) -> SendOutcome {
    match pushed {
        Ok(true) => SendOutcome::Delivered,
        Ok(false) => SendOutcome::Declined,
        Err(error) => {
            tracing::debug!(%error, "a value could not be pushed");
            if error.is_busy() { SendOutcome::Declined } else { SendOutcome::Unreachable }
        }
    }
}

/// Bytes of segments that are accepted where about `nbytes` were announced: sizes of values that
/// are not in bytes yet are estimates.
fn budget(nbytes: u64) -> u64 {
    nbytes.saturating_mul(4).saturating_add(16 * MAX_UNSOLICITED_SEGMENTS).min(MAX_VALUE)
}

/// What a peer answered.
struct Answer {
    reply: PeerReply,
    segments: Vec<Bytes>,
}

fn read_reply(frame: Frame) -> Result<Answer, TransferError> {
    let messages: Vec<PeerReply> = frame.messages().map_err(ConnError::from)?;
    let [reply] = <[PeerReply; 1]>::try_from(messages)
        .map_err(|_| TransferError::WrongAnswer("not one message"))?;
    Ok(Answer { reply, segments: frame.segments })
}

/// Appends the values of `answer` to `values`, one for each of `items`.
fn read_items(
    items: &[Item],
    answer: Answer,
    values: &mut Vec<Option<Arc<Value>>>,
) -> Result<(), TransferError> {
    let replies = match answer.reply {
        PeerReply::Items { replies } => replies,
        PeerReply::Busy => return Err(TransferError::Busy),
        PeerReply::Stored | PeerReply::Unexpected => {
            return Err(TransferError::WrongAnswer("that to a push"));
        }
    };
    if replies.len() != items.len() {
        return Err(TransferError::WrongAnswer("another number of values"));
    }
    let mut segments = answer.segments.into_iter();
    for reply in replies {
        values.push(match reply {
            ItemReply::Found { value_type, nbytes } => {
                Some(read_value(value_type, nbytes, segments.next())?)
            }
            ItemReply::Missing => None,
        });
    }
    match segments.next() {
        None => Ok(()),
        Some(_) => Err(TransferError::WrongAnswer("more segments than values")),
    }
}

fn read_value(
    value_type: ValueType,
    nbytes: u64,
    segment: Option<Bytes>,
) -> Result<Arc<Value>, TransferError> {
    match segment {
        Some(bytes) if bytes.len() as u64 == nbytes => {
            Ok(Arc::new(Value::from_bytes(value_type, bytes)))
        }
        Some(_) => Err(TransferError::WrongAnswer("a segment of another size")),
        None => Err(TransferError::WrongAnswer("more values than segments")),
    }
}
