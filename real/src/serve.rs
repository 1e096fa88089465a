//! Peers that ask for values, or bring one: one request at a time on each of their connections.
//!
//! Values leave as they are held: their bytes are segments, never copied. This module must not know
//! the worker machine: a [`Holder`] judges requests.

use std::sync::Arc;

use bytes::Bytes;
use raddle_core::worker::RequestId;
use raddle_net::error::EncodeError;
use raddle_net::frame::{Frame, FrameEncoder};
use raddle_net::limits::MAX_SEGMENTS;
use raddle_net::messages::{Item, ItemReply, PeerReply, PeerRequest};
use raddle_net::payload::ValueType;

use crate::conn::{ConnError, Connection};
use crate::executor::panics;
use crate::faults::Faults;
use crate::rt::{self, oneshot};
use crate::value::Value;

/// Bytes of a value that is brought. Room is made for what is claimed, and used as it comes.
const MAX_BROUGHT: u64 = 8 << 30;

/// Who holds the values.
pub(crate) trait Holder: Send + Sync {
    /// A peer asks for `items`. [`Self::served`] follows, unless the answer is [`Answer::Busy`].
    fn asked(&self, items: Vec<Item>) -> Asked;

    /// The answer to a peer has left, or cannot.
    fn served(&self, request: RequestId);

    /// A peer brings the scattered value of `item`; is it taken?
    fn received(&self, item: Item, value: Arc<Value>) -> oneshot::Receiver<bool>;
}

/// A question that was put to a [`Holder`].
#[derive(Debug)]
pub(crate) struct Asked {
    /// Its name.
    pub(crate) request: RequestId,
    /// Fails if the holder is gone.
    pub(crate) answer: oneshot::Receiver<Answer>,
}

/// The answer to a peer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Too many ask at once.
    Busy,
    /// Each item asked for, in order, if it is held.
    Values(Vec<Option<Arc<Value>>>),
}

/// A peer is not served any longer.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Connection(#[from] ConnError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("a request has {0} messages instead of 1")]
    Messages(usize),
    #[error("a request has {0} segments that do not belong there, or lacks one")]
    Segments(usize),
    #[error("{0} values are asked for at once; the limit is {MAX_SEGMENTS}")]
    TooMany(usize),
}

impl ServeError {
    /// Whether the peer was wrong.
    fn is_fault(&self) -> bool {
        match self {
            Self::Connection(error) => error.is_fault(),
            Self::Encode(_) => false,
            Self::Messages(_) | Self::Segments(_) | Self::TooMany(_) => true,
        }
    }
}

/// Serves one peer until it closes its connection, or does something wrong.
pub(crate) async fn serve(holder: &dyn Holder, mut connection: Connection, faults: &Faults) {
    if let Err(error) = answer_all(holder, &mut connection).await {
        if error.is_fault() {
            faults.add(rt::Instant::now());
        }
        let peer = connection.peer;
        tracing::debug!(peer, %error, "a connection for values ends");
    }
}

async fn answer_all(holder: &dyn Holder, connection: &mut Connection) -> Result<(), ServeError> {
    let mut encoder = FrameEncoder::new(connection.options);
    loop {
        // A value that a client brings comes with its request, so its size is not known before.
        connection.reader.expect_segments(MAX_BROUGHT);
        let Some(frame) = connection.reader.next().await? else { return Ok(()) };
        match read_request(frame)? {
            Request::Get(items) => {
                let Asked { request, answer } = holder.asked(items);
                // The holder is gone: then so is this connection.
                let Ok(answer) = answer.await else { return Ok(()) };
                let served = matches!(answer, Answer::Values(_));
                let pushed = push_answer(answer, &mut encoder);
                let written = connection.writer.write(&mut encoder).await;
                if served {
                    holder.served(request);
                }
                pushed?;
                written?;
            }
            Request::Put(item, value) => {
                let Ok(taken) = holder.received(item, value).await else { return Ok(()) };
                encoder.push(if taken { &PeerReply::Stored } else { &PeerReply::Unexpected })?;
                connection.writer.write(&mut encoder).await?;
            }
        }
    }
}

enum Request {
    Get(Vec<Item>),
    Put(Item, Arc<Value>),
}

fn read_request(frame: Frame) -> Result<Request, ServeError> {
    let messages: Vec<PeerRequest> = frame.messages().map_err(ConnError::from)?;
    let [request] = <[PeerRequest; 1]>::try_from(messages)
        .map_err(|messages| ServeError::Messages(messages.len()))?;
    match request {
        PeerRequest::Get { items } if items.len() > MAX_SEGMENTS => {
            Err(ServeError::TooMany(items.len()))
        }
        PeerRequest::Get { items } => match frame.segments.len() {
            0 => Ok(Request::Get(items)),
            segments => Err(ServeError::Segments(segments)),
        },
        PeerRequest::Put { item, value_type } => {
            let [bytes] = <[Bytes; 1]>::try_from(frame.segments)
                .map_err(|segments| ServeError::Segments(segments.len()))?;
            Ok(Request::Put(item, Arc::new(Value::from_bytes(value_type, bytes))))
        }
    }
}

fn push_answer(answer: Answer, encoder: &mut FrameEncoder) -> Result<(), EncodeError> {
    let values = match answer {
        Answer::Busy => {
            return encoder.push(&PeerReply::Busy);
        }
        Answer::Values(values) => values,
    };
    let found: Vec<_> = values.into_iter().map(|value| value.and_then(|v| encode(&v))).collect();
    let replies = found.iter().map(|found| match found {
        Some((value_type, bytes)) => {
            ItemReply::Found { value_type: *value_type, nbytes: bytes.len() as u64 }
        }
        None => ItemReply::Missing,
    });
    encoder.push(&PeerReply::Items { replies: replies.collect() })?;
    for (_, bytes) in found.into_iter().flatten() {
        encoder.push_segment(bytes)?;
    }
    Ok(())
}

/// The bytes of a value. User code makes them; if it cannot, the value is as good as missing.
fn encode(value: &Value) -> Option<(ValueType, Bytes)> {
    let error = match panics::catch(|| value.bytes()) {
        Ok(Ok(bytes)) => return Some((value.value_type(), bytes)),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic.message,
    };
    tracing::warn!(error, "a value cannot be put into bytes, and so not be sent");
    None
}
