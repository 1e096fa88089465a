//! Messages: bytes that are one, or claim to be; and messages of every kind, which come back.

use std::fmt::Debug;

use raddle_net::codec;
use raddle_net::messages::{
    ClientMessage, PeerReply, PeerRequest, SchedulerToClient, SchedulerToWorker, WorkerMessage,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::choices::Choices;
use super::draw::draw;
use super::names::Names;

/// Bytes of memory, at most, for a byte that is decoded. An empty text is one byte on the wire and 24
/// in memory, and a list that grows has room for some that do not come.
const MEMORY_PER_BYTE: u64 = 48;
/// Bytes of memory that any message may take.
const MEMORY: u64 = 64 << 10;

/// A message, whichever conversation it is of.
pub trait Message: DeserializeOwned + Serialize + PartialEq + Debug {}

impl<M: DeserializeOwned + Serialize + PartialEq + Debug> Message for M {}

/// Does this with the type of message that the number stands for.
macro_rules! with_type {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind % 6 {
            0 => $function::<ClientMessage>($($argument),*),
            1 => $function::<SchedulerToClient>($($argument),*),
            2 => $function::<WorkerMessage>($($argument),*),
            3 => $function::<SchedulerToWorker>($($argument),*),
            4 => $function::<PeerRequest>($($argument),*),
            5.. => $function::<PeerReply>($($argument),*),
        }
    };
}

/// A message of any conversation: what decodes is written as it was read, or shorter. Whatever the
/// bytes claim, they take memory for what they are.
pub fn message_decode(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    with_type!(kind, again(bytes));
}

fn again<M: Message>(bytes: &[u8]) {
    let mut decoded = None;
    let memory = allocation_counter::measure(|| decoded = codec::decode::<M>(bytes).ok());
    let limit = MEMORY + MEMORY_PER_BYTE * bytes.len() as u64;
    assert!(memory.bytes_max <= limit, "{} bytes for {}", memory.bytes_max, bytes.len());
    let Some(message) = decoded else { return };
    let written = write(&message);
    assert!(written.len() <= bytes.len(), "what was read can be written as shortly");
    assert_eq!(codec::decode::<M>(&written).as_ref(), Ok(&message), "and read again");
}

/// A message of any kind: it comes back as it was, and so do its bytes. Part of them is no message.
pub fn message_roundtrip(data: &[u8]) {
    let choices = &mut Choices::new(data);
    let kind = choices.byte();
    let cut = choices.number();
    with_type!(kind, there_and_back(choices, cut));
}

fn there_and_back<M: Message>(choices: &mut Choices<'_>, cut: u64) {
    let Some(message) = draw::<M>(choices, &Names::default()) else { return };
    let bytes = write(&message);
    let mut left = &bytes[..];
    assert_eq!(codec::decode_next::<M>(&mut left).as_ref(), Ok(&message));
    assert!(left.is_empty());
    assert_eq!(codec::encoded_len(&message), Ok(bytes.len()));
    let bounded = |limit| codec::encode_bounded(&message, limit).expect("it was written before");
    assert_eq!(bounded(bytes.len()).as_ref(), Some(&bytes));
    assert_eq!(bounded(bytes.len() - 1), None);
    let part = &bytes[..cut as usize % bytes.len()];
    assert!(codec::decode::<M>(part).is_err(), "part of a message is none");
    assert!(codec::decode::<M>(&[&bytes[..], &[0]].concat()).is_err(), "nor is more than one");
}

fn write<M: Message>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(message, &mut bytes).expect("what was read can be written");
    bytes
}

/// The bytes of one message of each kind, as `message_decode` takes them.
pub fn one_of_each() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for kind in 0..6_u8 {
        for variant in (0..16_u8).chain([255]) {
            for fill in [0, 1] {
                let mut data = vec![fill; 64];
                data[0] = variant;
                with_type!(kind, seed(kind, &data, &mut seeds));
            }
        }
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

fn seed<M: Message>(kind: u8, data: &[u8], seeds: &mut Vec<Vec<u8>>) {
    if let Some(message) = draw::<M>(&mut Choices::new(data), &Names::default()) {
        seeds.push([vec![kind], write(&message)].concat());
    }
}
