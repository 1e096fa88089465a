//! What is fuzzed: bytes from a peer that may lie. Each target takes any bytes and must neither panic
//! nor accept what it should not; what else it holds is in its comment.
//!
//! The fuzzer (`fuzz_targets/`) and the replay of its findings on stable (`tests/fuzz_regressions.rs`)
//! share this file, so it must build without either.

use bytes::BufMut;
use raddle_net::codec;
use raddle_net::frame::{Frame, FrameDecoder, FrameOptions};
use raddle_net::hello::{PREFIX, body_len, decode_hello, decode_reply, encode_hello, encode_reply};
use raddle_net::messages::{
    ClientMessage, PeerReply, PeerRequest, SchedulerToClient, SchedulerToWorker, WorkerMessage,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A stream of frames: cut into pieces by the first bytes, it gives the same as in one piece.
pub fn frame_decode(data: &[u8]) {
    let (cuts, stream) = data.split_at(data.len().min(8));
    let pieces = frames(stream, |at| usize::from(cuts[at % cuts.len()]) + 1);
    let whole = frames(stream, |_| usize::MAX);
    assert_eq!(pieces, whole, "where the stream is cut must not matter");
    for frame in pieces.0 {
        drop(frame.messages::<ClientMessage>());
        drop(frame.messages::<WorkerMessage>());
    }
}

/// Frames up to the first error, and whether there was one.
fn frames(mut stream: &[u8], piece: impl Fn(usize) -> usize) -> (Vec<Frame>, bool) {
    let mut decoder = FrameDecoder::new(FrameOptions { segment_checksums: true });
    let (mut frames, mut at) = (Vec::new(), 0);
    while !stream.is_empty() {
        let mut buffer = decoder.buffer();
        let len = piece(at).min(stream.len()).min(buffer.remaining_mut()).max(1);
        buffer.put_slice(&stream[..len]);
        drop(buffer);
        (stream, at) = (&stream[len..], at + 1);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// A message of any conversation: what decodes is written as it was read, or shorter.
pub fn message_decode(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 6 {
        0 => again::<ClientMessage>(bytes),
        1 => again::<SchedulerToClient>(bytes),
        2 => again::<WorkerMessage>(bytes),
        3 => again::<SchedulerToWorker>(bytes),
        4 => again::<PeerRequest>(bytes),
        5.. => again::<PeerReply>(bytes),
    }
}

fn again<M: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(message) = codec::decode::<M>(bytes) else { return };
    let mut written = Vec::new();
    codec::encode(&message, &mut written).expect("what was read can be written");
    assert!(written.len() <= bytes.len(), "what was read can be written as shortly");
    assert_eq!(codec::decode::<M>(&written).as_ref(), Ok(&message), "and read again");
}

/// First words, from either side.
pub fn hello(data: &[u8]) {
    let Some((prefix, rest)) = data.split_first_chunk::<PREFIX>() else { return };
    let Ok(len) = body_len(prefix) else { return };
    let body = &rest[..len.min(rest.len())];
    if let Ok(hello) = decode_hello(prefix, body) {
        drop(encode_hello(&hello).expect("what was read can be written"));
    }
    if let Ok(reply) = decode_reply(prefix, body) {
        drop(encode_reply(&reply).expect("what was read can be written"));
    }
}
