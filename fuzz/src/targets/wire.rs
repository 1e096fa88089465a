//! Frames: bytes that a peer sent, cut anywhere; and frames of ours, which come out as they went in.

use bytes::{BufMut, Bytes};
use raddle_net::frame::{Frame, FrameDecoder, FrameEncoder, FrameOptions};
use raddle_net::limits::COPIED_SEGMENT;
use raddle_net::messages::{ClientMessage, WorkerMessage};

use super::choices::Choices;
use super::draw::draw;
use super::names::Names;

/// Messages of one round trip, at most.
const MESSAGES: usize = 64;

/// A stream of frames: cut into pieces by the first bytes, it gives the same as in one piece.
pub fn frame_decode(data: &[u8]) {
    let (cuts, stream) = data.split_at(data.len().min(8));
    let pieces = frames(stream, true, |at| usize::from(cuts[at % cuts.len()]) + 1);
    let whole = frames(stream, true, |_| usize::MAX);
    assert_eq!(pieces, whole, "where the stream is cut must not matter");
    for frame in pieces.0 {
        drop(frame.messages::<ClientMessage>());
        drop(frame.messages::<WorkerMessage>());
    }
}

/// Frames up to the first error, and whether there was one.
fn frames(
    mut stream: &[u8],
    segment_checksums: bool,
    piece: impl Fn(usize) -> usize,
) -> (Vec<Frame>, bool) {
    let mut decoder = FrameDecoder::new(FrameOptions { segment_checksums });
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

/// What a frame carries.
#[derive(Clone, Debug, Default, PartialEq)]
struct Load {
    messages: Vec<ClientMessage>,
    segments: Vec<Bytes>,
    ack: u64,
    last: bool,
}

/// Messages and segments come out as they went in, in as many frames as were taken; and of a stream
/// in which one bit is wrong only what was before it comes out, unchanged.
pub fn frame_roundtrip(data: &[u8]) {
    let choices = &mut Choices::new(data);
    let segment_checksums = !choices.one_in(4);
    let wrong_bit = choices.one_in(2).then(|| choices.number());
    let cuts: [u8; 4] = std::array::from_fn(|_| choices.byte());
    let (said, mut stream) = say(choices, segment_checksums);
    let piece = |at: usize| usize::from(cuts[at % 4]) * 16 + 1;
    let (heard, failed) = frames(&stream, segment_checksums, piece);
    assert!(!failed, "what was written is read");
    let loads: Vec<Load> = heard.iter().map(load).collect();
    assert_eq!(loads, said);
    assert!(heard.iter().map(|frame| frame.seq).eq(1..=said.len() as u64));
    if let Some(bit) = wrong_bit.filter(|_| segment_checksums && !stream.is_empty()) {
        let bit = (bit % (stream.len() as u64 * 8)) as usize;
        stream[bit / 8] ^= 1 << (bit % 8);
        let (unharmed, _) = frames(&stream, segment_checksums, piece);
        assert!(unharmed.len() < heard.len(), "the wrong bit {bit} is seen");
        assert_eq!(unharmed, heard[..unharmed.len()]);
    }
}

fn load(frame: &Frame) -> Load {
    let messages = frame.messages().expect("what was written is read");
    Load { messages, segments: frame.segments.clone(), ack: frame.ack, last: frame.last }
}

/// What the choices say, and its bytes.
fn say(choices: &mut Choices<'_>, segment_checksums: bool) -> (Vec<Load>, Vec<u8>) {
    let mut encoder = FrameEncoder::new(FrameOptions { segment_checksums });
    let (mut said, mut stream, mut open) = (Vec::new(), Vec::new(), None::<Load>);
    let (mut ack, mut messages) = (0, 0);
    let names = Names::default();
    while !choices.is_empty() && messages < MESSAGES {
        match choices.below(8) {
            0..=3 => {
                let Some(message) = draw::<ClientMessage>(choices, &names) else { continue };
                messages += 1;
                encoder.push(&message).expect("it is small");
                open.get_or_insert_default().messages.push(message);
            }
            4 => {
                let Some(load) = open.as_mut().filter(|load| !load.messages.is_empty()) else {
                    continue;
                };
                let size = [0, 1, 100, COPIED_SEGMENT, COPIED_SEGMENT + 1, 20_000];
                let segment = Bytes::from(vec![choices.byte(); size[choices.below(size.len())]]);
                encoder.push_segment(segment.clone()).expect("they are few");
                load.segments.push(segment);
            }
            5 => {
                ack = choices.number();
                encoder.set_ack(ack);
            }
            6 if choices.one_in(4) => {
                encoder.end();
                open.get_or_insert_default().last = true;
            }
            6 => {
                encoder.acknowledge();
                open.get_or_insert_default();
            }
            7.. => take(&mut encoder, &mut open, ack, &mut said, &mut stream),
        }
    }
    take(&mut encoder, &mut open, ack, &mut said, &mut stream);
    (said, stream)
}

/// The open frame leaves; its bytes are as many as were announced.
fn take(
    encoder: &mut FrameEncoder,
    open: &mut Option<Load>,
    ack: u64,
    said: &mut Vec<Load>,
    stream: &mut Vec<u8>,
) {
    let (waiting, before) = (encoder.len(), stream.len());
    encoder.take().iter().for_each(|chunk| stream.extend_from_slice(chunk));
    assert_eq!(stream.len() - before, waiting);
    assert!(encoder.is_empty());
    said.extend(open.take().map(|load| Load { ack, ..load }));
    assert_eq!(encoder.last_seq(), said.len() as u64);
}
