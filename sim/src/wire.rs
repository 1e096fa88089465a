//! Messages become bytes and messages again: the codec and the frames, on every message of a run.
//! A run with and one without must come to the same.
//!
//! It must not know who sends what to whom.

use raddle_core::client::Event as ClientEvent;
use raddle_core::random::{below, hash};
use raddle_core::scheduler::Event as SchedulerEvent;
use raddle_core::worker::Event as WorkerEvent;
use raddle_net::frame::{FrameDecoder, FrameEncoder, FrameOptions};
use raddle_net::messages::{ItemReply, PeerReply, PeerRequest};
use raddle_net::payload::ValueType;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::requests::Reply;
use crate::world::{Delivery, World};

/// The stream of chance that belongs to how bytes are cut.
const CUTS: u64 = 0x6375_7473;

impl World {
    /// What arrives when this is sent.
    pub(crate) fn over_the_wire(&mut self, delivery: Delivery) -> Delivery {
        let cuts = hash(self.settings.seed, CUTS, self.report.events, self.now.as_nanos());
        through(&delivery, cuts).unwrap_or_else(|why| {
            self.fail(Failure::Protocol(format!("the wire does not carry {delivery:?}: {why}")));
            delivery
        })
    }
}

fn through(delivery: &Delivery, cuts: u64) -> Result<Delivery, String> {
    Ok(match delivery {
        Delivery::Client(client, ClientEvent::FromScheduler(message)) => {
            Delivery::Client(*client, ClientEvent::FromScheduler(pass(message, cuts)?))
        }
        Delivery::Worker(worker, WorkerEvent::FromScheduler(message)) => {
            Delivery::Worker(*worker, WorkerEvent::FromScheduler(pass(message, cuts)?))
        }
        Delivery::Worker(worker, WorkerEvent::Asked { request, items }) => {
            match pass(&PeerRequest::Get { items: items.clone() }, cuts)? {
                PeerRequest::Get { items } => {
                    Delivery::Worker(*worker, WorkerEvent::Asked { request: *request, items })
                }
                PeerRequest::Put { .. } => return Err("a pull became a push".to_owned()),
            }
        }
        Delivery::Scheduler(SchedulerEvent::FromClient { connection, message }) => {
            let message = pass(message, cuts)?;
            Delivery::Scheduler(SchedulerEvent::FromClient { connection: *connection, message })
        }
        Delivery::Scheduler(SchedulerEvent::FromWorker { connection, message }) => {
            let message = pass(message, cuts)?;
            Delivery::Scheduler(SchedulerEvent::FromWorker { connection: *connection, message })
        }
        Delivery::Reply(request, reply) => {
            if let Some(sent) = peer_reply(reply)
                && pass(&sent, cuts)? != sent
            {
                return Err("a reply became another one".to_owned());
            }
            Delivery::Reply(*request, reply.clone())
        }
        Delivery::BodyEnds(..)
        | Delivery::Broken(..)
        | Delivery::Client(..)
        | Delivery::Depart(_)
        | Delivery::Dial(_)
        | Delivery::Die(_)
        | Delivery::Disk(..)
        | Delivery::Ended(..)
        | Delivery::Heal
        | Delivery::Join(_)
        | Delivery::Resume(_)
        | Delivery::Scheduler(_)
        | Delivery::Step(_)
        | Delivery::Wire(..)
        | Delivery::Worker(..) => delivery.clone(),
    })
}

/// What a worker writes to who asked it, values apart.
fn peer_reply(reply: &Reply) -> Option<PeerReply> {
    match reply {
        Reply::Busy => Some(PeerReply::Busy),
        Reply::Failed => None, // That is no answer: the connection broke.
        Reply::Items(items) => {
            let replies = items.iter().map(|(_, value)| match value {
                Some((_, nbytes)) => {
                    let value_type = ValueType::default();
                    ItemReply::Found { value_type, nbytes: u64::from(*nbytes) }
                }
                None => ItemReply::Missing,
            });
            Some(PeerReply::Items { replies: replies.collect() })
        }
        Reply::Stored(true) => Some(PeerReply::Stored),
        Reply::Stored(false) => Some(PeerReply::Unexpected),
    }
}

/// A message through a frame, whose bytes arrive in pieces.
fn pass<M: Serialize + DeserializeOwned>(message: &M, cuts: u64) -> Result<M, String> {
    let mut encoder = FrameEncoder::new(FrameOptions::default());
    encoder.push(message).map_err(|error| error.to_string())?;
    let mut decoder = FrameDecoder::new(FrameOptions::default());
    let bytes = encoder.take().concat();
    let mut frame = None;
    let (mut rest, mut pieces) = (&bytes[..], 0);
    while !rest.is_empty() {
        pieces += 1;
        let piece = 1 + below(hash(cuts, CUTS, 0, pieces), rest.len() as u64) as usize;
        let (now, later) = rest.split_at(piece);
        put(&mut decoder, now);
        frame = decoder.next().map_err(|error| error.to_string())?.or(frame);
        rest = later;
    }
    let messages = frame.ok_or("the frame never ends")?.messages::<M>();
    let mut messages = messages.map_err(|error| error.to_string())?;
    match (messages.pop(), messages.is_empty()) {
        (Some(message), true) => Ok(message),
        (Some(_) | None, _) => Err("not one message".to_owned()),
    }
}

fn put(decoder: &mut FrameDecoder, mut bytes: &[u8]) {
    use bytes::BufMut;
    while !bytes.is_empty() {
        let mut room = decoder.buffer();
        let fits = bytes.len().min(room.remaining_mut());
        room.put_slice(&bytes[..fits]);
        bytes = &bytes[fits..];
    }
}
