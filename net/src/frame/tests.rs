//! Tests of frames: whatever goes in comes out, however the stream is cut; nothing else does.

use std::slice;

use bytes::{BufMut, Bytes};
use proptest::prelude::*;

use super::header::{HEADER, Header};
use super::{Frame, FrameDecoder, FrameEncoder, FrameOptions};
use crate::error::{DecodeError, EncodeError, FrameError};
use crate::limits::{
    COPIED_SEGMENT, FRAME_MAGIC, FRAME_TARGET, FRAME_VERSION, MAX_FRAME_MESSAGES, MAX_MESSAGE,
    MAX_MESSAGES, MAX_SEGMENTS, MAX_UNSOLICITED_SEGMENTS,
};

const CHECKED: FrameOptions = FrameOptions { segment_checksums: true };
const UNCHECKED: FrameOptions = FrameOptions { segment_checksums: false };

/// What one frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    messages: Vec<String>,
    segments: Vec<Bytes>,
}

fn said() -> impl Strategy<Value = Said> {
    let size = prop_oneof![4 => 0..64_usize, 1 => COPIED_SEGMENT - 1..COPIED_SEGMENT + 2, 1 => 0..80_000_usize];
    let segment = (any::<u8>(), size).prop_map(|(byte, size)| {
        (0..size).map(|at| byte.wrapping_add(at as u8)).collect::<Bytes>()
    });
    let segments = proptest::collection::vec(segment, 0..4);
    let messages = proptest::collection::vec(".{0,20}", 1..6);
    (messages, segments).prop_map(|(messages, segments)| Said { messages, segments })
}

fn say(encoder: &mut FrameEncoder, said: &Said) -> Vec<Bytes> {
    for message in &said.messages {
        encoder.push(message).unwrap();
    }
    for segment in &said.segments {
        encoder.push_segment(segment.clone()).unwrap();
    }
    let expected = encoder.len();
    let chunks = encoder.take();
    assert!(encoder.is_empty());
    if said.segments.is_empty() {
        assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), expected);
    }
    chunks
}

fn stream(said: &[Said], options: FrameOptions) -> Vec<u8> {
    let mut encoder = FrameEncoder::new(options);
    said.iter().flat_map(|said| say(&mut encoder, said).concat()).collect()
}

/// Feeds the decoder as a socket would, `cuts` bytes at a time, round and round.
fn hear(
    decoder: &mut FrameDecoder,
    mut bytes: &[u8],
    cuts: &[usize],
) -> Result<Vec<Frame>, FrameError> {
    let mut frames = Vec::new();
    let mut cuts = cuts.iter().cycle();
    while !bytes.is_empty() {
        let mut buffer = decoder.buffer();
        let room = buffer.chunk_mut().len();
        assert!(room > 0, "a read into no room looks like the end of the stream");
        let part = room.min(*cuts.next().unwrap()).min(bytes.len());
        buffer.put_slice(&bytes[..part]);
        drop(buffer);
        bytes = &bytes[part..];
        while let Some(frame) = decoder.next()? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

fn hear_all(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    hear(&mut FrameDecoder::new(CHECKED), bytes, &[usize::MAX])
}

fn meaning(frames: &[Frame]) -> Vec<Said> {
    let meaning = |frame: &Frame| Said {
        messages: frame.messages().unwrap(),
        segments: frame.segments.clone(),
    };
    frames.iter().map(meaning).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn any_cutting_of_the_stream_gives_the_same_frames(
        said in proptest::collection::vec(said(), 1..5),
        cuts in proptest::collection::vec(prop_oneof![1..40_usize, 1..100_000_usize], 1..20),
        checksums: bool,
    ) {
        let options = FrameOptions { segment_checksums: checksums };
        let bytes = stream(&said, options);
        let mut decoder = FrameDecoder::new(options);
        prop_assert!(decoder.is_idle());
        let frames = hear(&mut decoder, &bytes, &cuts).unwrap();
        prop_assert!(decoder.is_idle());
        prop_assert_eq!(meaning(&frames), said);
        let numbers: Vec<u64> = frames.iter().map(|frame| frame.seq).collect();
        prop_assert_eq!(numbers, (1..=frames.len() as u64).collect::<Vec<_>>());
    }

    #[test]
    fn no_flipped_bit_gives_a_wrong_frame(said in said(), next in said(), bit: usize) {
        let whole = stream(&[said.clone(), next.clone()], CHECKED);
        let first = stream(slice::from_ref(&said), CHECKED).len();
        let mut bytes = whole;
        let bit = bit % (8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut decoder = FrameDecoder::new(CHECKED);
        let mut frames = Vec::new();
        // An error, or still waiting for the rest; and of a stream of two frames, the whole one.
        let part = hear(&mut decoder, &bytes[..first], &[usize::MAX]);
        frames.extend(part.clone().unwrap_or_default());
        let rest = part.and_then(|_| hear(&mut decoder, &bytes[first..], &[usize::MAX]));
        frames.extend(rest.unwrap_or_default());
        let heard = meaning(&frames);
        prop_assert_eq!(heard.len(), usize::from(bit / 8 >= first));
        prop_assert_eq!(&heard[..], &[said, next][..heard.len()]);
    }

    #[test]
    fn any_bytes_are_frames_or_an_error(bytes: Vec<u8>, cut in 1..50_usize) {
        let mut hostile = vec![FRAME_MAGIC, FRAME_VERSION, 0, 0];
        hostile.extend(bytes);
        let mut decoder = FrameDecoder::new(CHECKED);
        let frames = hear(&mut decoder, &hostile, &[cut]);
        prop_assert_eq!(frames.unwrap_or_default(), []);
    }
}

#[test]
fn a_large_segment_is_never_copied() {
    let segment = Bytes::from(vec![7; 1 << 20]);
    let mut encoder = FrameEncoder::new(CHECKED);
    let said = Said { messages: vec!["here".into()], segments: vec![segment.clone()] };
    let chunks = say(&mut encoder, &said);
    assert_eq!(chunks.len(), 2);
    assert_eq!(chunks[1].as_ptr(), segment.as_ptr());

    let mut decoder = FrameDecoder::new(CHECKED);
    assert_eq!(hear(&mut decoder, &chunks[0], &[usize::MAX]), Ok(vec![]));
    let buffer = decoder.buffer().chunk_mut().as_mut_ptr().cast_const();
    let frames = hear(&mut decoder, &chunks[1], &[usize::MAX]).unwrap();
    assert_eq!(frames[0].segments[0].as_ptr(), buffer);
    assert_eq!(frames[0].segments[0], segment);
}

#[test]
fn frames_are_closed_when_they_are_full() {
    let mut encoder = FrameEncoder::new(CHECKED);
    let message = "x".repeat(1000);
    for _ in 0..1000 {
        encoder.push(&message).unwrap();
    }
    let waiting = encoder.len();
    let bytes = encoder.take().concat();
    assert_eq!(bytes.len(), waiting);
    let counts: Vec<usize> =
        meaning(&hear_all(&bytes).unwrap()).iter().map(|said| said.messages.len()).collect();
    let full = FRAME_TARGET.div_ceil(1003);
    assert_eq!(counts, [full, full, full, 1000 - 3 * full]);
    assert_eq!(encoder.last_seq(), 4);

    for _ in 0..=MAX_MESSAGES {
        encoder.push(&0_u8).unwrap();
    }
    let mut decoder = FrameDecoder::new(CHECKED);
    decoder.set_expected(5);
    let frames = hear(&mut decoder, &encoder.take().concat(), &[usize::MAX]).unwrap();
    let counts: Vec<usize> =
        frames.iter().map(|frame| frame.messages::<u8>().unwrap().len()).collect();
    assert_eq!(counts, [MAX_MESSAGES, 1]);
}

#[test]
fn a_segment_goes_with_the_message_before_it() {
    let mut encoder = FrameEncoder::new(CHECKED);
    let large = "x".repeat(FRAME_TARGET);
    let segment = Bytes::from_static(b"segment");
    encoder.push(&large).unwrap();
    encoder.push_segment(segment.clone()).unwrap();
    encoder.push(&"next").unwrap();
    let expected = [
        Said { messages: vec![large], segments: vec![segment] },
        Said { messages: vec!["next".into()], segments: vec![] },
    ];
    assert_eq!(meaning(&hear_all(&encoder.take().concat()).unwrap()), expected);
}

#[test]
fn what_is_too_large_is_not_added() {
    let mut encoder = FrameEncoder::new(CHECKED);
    let large = "x".repeat(MAX_MESSAGE);
    let length = MAX_MESSAGE + 5;
    let too_large = Err(EncodeError::TooLarge { length, limit: MAX_MESSAGE });
    assert_eq!(encoder.push(&large), too_large);
    assert!(encoder.is_empty());
    encoder.push(&"small").unwrap();
    let before = encoder.len();
    assert_eq!(encoder.push(&large), too_large);
    assert_eq!(encoder.len(), before);
    for _ in 0..MAX_SEGMENTS {
        encoder.push_segment(Bytes::new()).unwrap();
    }
    assert_eq!(encoder.push_segment(Bytes::new()), Err(EncodeError::TooManySegments));
    let frames = hear_all(&encoder.take().concat()).unwrap();
    let expected =
        Said { messages: vec!["small".into()], segments: vec![Bytes::new(); MAX_SEGMENTS] };
    assert_eq!(meaning(&frames), [expected]);
}

#[test]
fn a_frame_says_what_was_received_when_it_is_closed() {
    let mut encoder = FrameEncoder::new(CHECKED);
    encoder.push(&1_u8).unwrap();
    encoder.set_ack(7);
    let mut bytes = encoder.take().concat();
    encoder.push(&2_u8).unwrap();
    bytes.extend(encoder.take().concat());
    encoder.set_ack(9);
    encoder.push(&3_u8).unwrap();
    bytes.extend(encoder.take().concat());
    let acks: Vec<u64> = hear_all(&bytes).unwrap().iter().map(|frame| frame.ack).collect();
    assert_eq!(acks, [7, 7, 9]);
}

#[test]
fn a_lost_or_repeated_frame_is_an_error() {
    let mut encoder = FrameEncoder::new(CHECKED);
    let frames = [1_u8, 2, 3].map(|message| {
        encoder.push(&message).unwrap();
        encoder.take().concat()
    });
    let lost = [&frames[0][..], &frames[2]].concat();
    assert_eq!(hear_all(&lost), Err(FrameError::OutOfOrder { expected: 2, found: 3 }));
    let repeated = [&frames[0][..], &frames[0]].concat();
    assert_eq!(hear_all(&repeated), Err(FrameError::OutOfOrder { expected: 2, found: 1 }));
    let mut resumed = FrameDecoder::new(CHECKED);
    resumed.set_expected(3);
    assert_eq!(hear(&mut resumed, &frames[2], &[usize::MAX]).unwrap().len(), 1);
}

/// A frame without messages whose segments have these sizes, without their bytes.
fn claim(lengths: &[u64]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes.extend(lengths.iter().flat_map(|length| length.to_le_bytes()));
    let header = Header {
        last: false,
        checksums: false,
        length: 0,
        messages: 0,
        segments: u32::try_from(lengths.len()).unwrap(),
        seq: 1,
        ack: 0,
    };
    header.write(&mut bytes);
    bytes
}

#[test]
fn segments_are_given_room_only_as_expected() {
    let limit = MAX_UNSOLICITED_SEGMENTS;
    for lengths in [&[10 << 30][..], &[limit, 1], &[u64::MAX, 2]] {
        let claimed = lengths.iter().fold(0, |sum: u64, length| sum.saturating_add(*length));
        assert_eq!(hear_all(&claim(lengths)), Err(FrameError::SegmentsTooLarge { claimed, limit }));
    }
    assert_eq!(hear_all(&claim(&[limit])), Ok(vec![]));

    let mut decoder = FrameDecoder::new(CHECKED);
    decoder.expect_segments(3 * limit);
    let mut bytes = claim(&[limit, 2 * limit]);
    bytes.resize(bytes.len() + 3 * limit as usize, 1);
    assert_eq!(hear(&mut decoder, &bytes, &[usize::MAX]).unwrap().len(), 1);
    // What was expected has come: the next frame is not expected to bring as much.
    decoder.set_expected(1);
    let claimed = limit + 1;
    let again = hear(&mut decoder, &claim(&[claimed]), &[usize::MAX]);
    assert_eq!(again, Err(FrameError::SegmentsTooLarge { claimed, limit }));

    let mut decoder = FrameDecoder::new(CHECKED);
    decoder.expect_segments(u64::MAX);
    let claimed = u64::MAX;
    let impossible = hear(&mut decoder, &claim(&[claimed]), &[usize::MAX]);
    assert_eq!(impossible, Err(FrameError::OutOfMemory { claimed }));
}

#[test]
fn a_header_is_judged_before_anything_follows_it() {
    let of = |edit: fn(&mut [u8])| {
        let mut bytes = claim(&[]);
        edit(&mut bytes);
        hear_all(&bytes)
    };
    let limit = MAX_FRAME_MESSAGES as u64;
    let u32_max = u32::MAX;
    let cases = [
        (of(|it| it[0] = b'H'), FrameError::BadMagic { found: b'H' }),
        (of(|it| it[1] = 9), FrameError::BadVersion { found: 9 }),
        (of(|it| it[3] = 1), FrameError::UnknownFlags { flags: 0x100 }),
        (of(|it| it[4..8].fill(0xff)), FrameError::TooLarge { claimed: u32_max.into(), limit }),
        (of(|it| it[8..12].fill(0xff)), FrameError::TooManyMessages { claimed: u32_max }),
        (of(|it| it[12..16].fill(0xff)), FrameError::TooManySegments { claimed: u32_max }),
        (of(|it| it[8] = 1), FrameError::BadCount { messages: 1, length: 0 }),
    ];
    for (result, error) in cases {
        assert_eq!(result, Err(error));
    }
    assert_eq!(hear_all(b"H"), Err(FrameError::BadMagic { found: b'H' }));
    assert_eq!(hear_all(&claim(&[])).unwrap().len(), 1);
}

#[test]
fn after_an_error_nothing_more_is_heard() {
    let mut bytes = stream(&[Said { messages: vec!["x".into()], segments: vec![] }], CHECKED);
    *bytes.last_mut().unwrap() ^= 1;
    let mut decoder = FrameDecoder::new(CHECKED);
    let first = hear(&mut decoder, &bytes, &[usize::MAX]);
    assert!(matches!(first, Err(FrameError::BadCrc { .. })));
    assert_eq!(decoder.next().map(|_| vec![]), first);
}

#[test]
fn a_damaged_segment_passes_only_where_nobody_looks() {
    let said = Said { messages: vec!["x".into()], segments: vec![Bytes::from_static(b"abc")] };
    for (sender, receiver, passes) in
        [(CHECKED, CHECKED, false), (CHECKED, UNCHECKED, true), (UNCHECKED, CHECKED, true)]
    {
        let mut bytes = stream(slice::from_ref(&said), sender);
        *bytes.last_mut().unwrap() = b'd';
        let heard = hear(&mut FrameDecoder::new(receiver), &bytes, &[usize::MAX]);
        match heard {
            Ok(frames) => assert!(passes && frames[0].segments[0] == b"abd"[..]),
            Err(error) => {
                assert!(!passes && matches!(error, FrameError::BadSegmentCrc { index: 0, .. }));
            }
        }
    }
}

#[test]
fn a_frame_with_a_bad_message_gives_none() {
    let mut encoder = FrameEncoder::new(CHECKED);
    encoder.push(&1_u8).unwrap();
    encoder.push(&7_u8).unwrap();
    let frames = hear_all(&encoder.take().concat()).unwrap();
    let invalid = DecodeError::Invalid { what: "bool" };
    assert_eq!(frames[0].messages::<bool>(), Err(FrameError::Decode { index: 1, source: invalid }));
    encoder.push(&(1_u8, 2_u8)).unwrap();
    let mut decoder = FrameDecoder::new(CHECKED);
    decoder.set_expected(2);
    let frames = hear(&mut decoder, &encoder.take().concat(), &[usize::MAX]).unwrap();
    assert_eq!(frames[0].messages::<u8>(), Err(FrameError::Trailing { left: 1 }));
}

#[test]
fn an_acknowledgement_needs_no_message() {
    let mut encoder = FrameEncoder::new(UNCHECKED);
    encoder.set_ack(7);
    encoder.acknowledge();
    encoder.acknowledge();
    assert_eq!(encoder.len(), HEADER);
    let frames = hear_all(&encoder.take().concat()).unwrap();
    let said: Vec<_> = frames.iter().map(|frame| (frame.seq, frame.ack, frame.last)).collect();
    assert_eq!((said, frames[0].size()), (vec![(1, 7, false)], 0));
    assert_eq!(frames[0].messages::<u8>(), Ok(vec![]));
}

#[test]
fn the_last_frame_of_a_session_says_so() {
    let mut encoder = FrameEncoder::new(UNCHECKED);
    encoder.push(&1_u8).unwrap();
    let first = encoder.take().concat();
    encoder.push(&2_u8).unwrap();
    encoder.end();
    let mut decoder = FrameDecoder::new(UNCHECKED);
    let frames = hear(&mut decoder, &[first, encoder.take().concat()].concat(), &[9]).unwrap();
    assert_eq!(frames.iter().map(|frame| frame.last).collect::<Vec<_>>(), [false, true]);
    assert_eq!(frames[1].messages(), Ok(vec![2_u8]));
}

#[test]
fn frames_without_segments_are_chunks_of_their_own() {
    let mut encoder = FrameEncoder::new(UNCHECKED);
    for _ in 0..=MAX_MESSAGES {
        encoder.push(&1_u8).unwrap();
    }
    let chunks = encoder.take();
    assert_eq!((chunks.len(), encoder.last_seq()), (2, 2));
    assert!(chunks.iter().all(|chunk| chunk[0] == FRAME_MAGIC));
}
