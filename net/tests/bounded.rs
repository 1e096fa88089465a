//! What hostile bytes can make us allocate: a small multiple of what they are, and no more.
//!
//! Alone in its executable, as it counts every allocation of the process.

#![allow(unsafe_code, reason = "an allocator cannot be implemented without; it only counts")]

#[allow(dead_code, reason = "the other test uses the rest")]
mod strategies;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::BufMut;
use proptest::prelude::*;
use raddle_net::codec;
use raddle_net::error::FrameError;
use raddle_net::frame::{FrameDecoder, FrameEncoder, FrameOptions};
use raddle_net::limits::{MAX_FRAME_MESSAGES, MAX_MESSAGES, MAX_UNSOLICITED_SEGMENTS};
use raddle_net::messages::{
    ClientMessage, PeerReply, PeerRequest, SchedulerToClient, SchedulerToWorker, WorkerMessage,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    /// Bytes that this thread holds, and the most that it held.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, counting.
struct Counting;

fn count(change: isize) {
    // A thread that ends may free when its counters are gone; nobody looks at them then.
    let _gone = HELD.try_with(|held| {
        let (now, most) = held.get();
        held.set((now + change, most.max(now + change)));
    });
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most bytes that `body` held at a time.
fn peak<T>(body: impl FnOnce() -> T) -> usize {
    let before = HELD.with(|held| {
        let (now, _) = held.get();
        held.set((now, now));
        now
    });
    drop(body());
    HELD.with(|held| (held.get().1 - before).cast_unsigned())
}

/// How many bytes in memory a byte on the wire may be. The largest message has some 160 bytes in
/// memory, the shortest one byte on the wire, and a list may have twice the room that it needs.
const MULTIPLE: usize = 400;
/// What an error may take, whatever the input.
const ERROR: usize = 1 << 10;

fn bounded<M: DeserializeOwned>(bytes: &[u8]) {
    let peak = peak(|| codec::decode::<M>(bytes));
    assert!(peak <= MULTIPLE * bytes.len() + ERROR, "{peak} bytes for {}", bytes.len());
}

fn all_bounded(bytes: &[u8]) {
    bounded::<ClientMessage>(bytes);
    bounded::<SchedulerToClient>(bytes);
    bounded::<SchedulerToWorker>(bytes);
    bounded::<WorkerMessage>(bytes);
    bounded::<PeerRequest>(bytes);
    bounded::<PeerReply>(bytes);
}

/// Any message's bytes.
fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        strategies::client_message().prop_map(|message| encoded(&message)),
        strategies::peer_reply().prop_map(|message| encoded(&message)),
        strategies::peer_request().prop_map(|message| encoded(&message)),
        strategies::scheduler_to_client().prop_map(|message| encoded(&message)),
        strategies::scheduler_to_worker().prop_map(|message| encoded(&message)),
        strategies::worker_message().prop_map(|message| encoded(&message)),
    ]
}

fn encoded<M: Serialize>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(message, &mut bytes).expect("messages can be encoded");
    bytes
}

/// The bytes of a length, small or large.
fn length() -> impl Strategy<Value = Vec<u8>> {
    (0..64_u8).prop_map(|shift| encoded(&(1_u64 << shift)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn random_bytes_are_decoded_in_bounds(variant in 0..8_u8, rest: Vec<u8>) {
        all_bounded(&[&[variant][..], &rest].concat());
    }

    #[test]
    fn damaged_lengths_are_decoded_in_bounds(
        message in message(),
        at: usize,
        length in length(),
    ) {
        let mut bytes = message;
        let at = at % bytes.len();
        bytes.splice(at..=at, length);
        all_bounded(&bytes);
    }
}

/// Gives the decoder `bytes`, and every frame's messages to nobody.
fn hear<M: DeserializeOwned>(bytes: &[u8]) -> Result<usize, FrameError> {
    let mut decoder = FrameDecoder::new(FrameOptions::default());
    let mut left = bytes;
    let mut messages = 0;
    while !left.is_empty() {
        let mut buffer = decoder.buffer();
        let part = buffer.chunk_mut().len().min(left.len());
        buffer.put_slice(&left[..part]);
        drop(buffer);
        left = &left[part..];
        while let Some(frame) = decoder.next()? {
            messages += frame.messages::<M>()?.len();
        }
    }
    Ok(messages)
}

#[test]
fn the_shortest_messages_are_bounded_by_their_number() {
    let mut encoder = FrameEncoder::default();
    for _ in 0..MAX_MESSAGES {
        encoder.push(&ClientMessage::Goodbye).unwrap();
    }
    let bytes = encoder.take().concat();
    assert_eq!(hear::<ClientMessage>(&bytes), Ok(MAX_MESSAGES));
    let peak = peak(|| hear::<ClientMessage>(&bytes));
    assert!(peak <= 16 << 20, "{peak}");
}

/// The first bytes of a frame, with these claims and a checksum that is right.
fn header(messages: u32, count: u32, segments: u32) -> Vec<u8> {
    let mut bytes = vec![0xd7, 1, 0, 0];
    for claim in [messages, count, segments] {
        bytes.extend(claim.to_le_bytes());
    }
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes
}

fn with_segment(claimed: u64) -> Vec<u8> {
    let mut bytes = header(0, 0, 1);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes), &claimed.to_le_bytes());
    bytes.extend(crc.to_le_bytes());
    bytes.extend(claimed.to_le_bytes());
    bytes
}

#[test]
fn what_a_frame_claims_is_not_allocated() {
    const READ: usize = 128 << 10;
    let limit = MAX_FRAME_MESSAGES as u64;
    let claims_much = [&header(u32::MAX, 1, 0)[..], &[0; 4]].concat();
    let too_large = FrameError::TooLarge { claimed: u32::MAX.into(), limit };
    assert_eq!(hear::<ClientMessage>(&claims_much), Err(too_large));
    let most = u32::try_from(MAX_FRAME_MESSAGES).unwrap();
    let claims_all = [&header(most, 1, 0)[..], &[0; 4]].concat();
    assert_eq!(hear::<ClientMessage>(&claims_all), Ok(0));
    let limit = MAX_UNSOLICITED_SEGMENTS;
    let claims_segment = with_segment(10 << 30);
    let too_large = FrameError::SegmentsTooLarge { claimed: 10 << 30, limit };
    assert_eq!(hear::<ClientMessage>(&claims_segment), Err(too_large));
    for bytes in [claims_much, claims_all, claims_segment] {
        let peak = peak(|| hear::<ClientMessage>(&bytes));
        assert!(peak <= READ, "{peak}");
    }
    let unsolicited = with_segment(limit);
    assert_eq!(hear::<ClientMessage>(&unsolicited), Ok(0));
    let peak = peak(|| hear::<ClientMessage>(&unsolicited));
    assert!(peak <= READ + limit as usize, "{peak}");
}
