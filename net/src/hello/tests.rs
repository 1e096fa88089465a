//! Tests of greetings: what is said is heard, and what is not raddle is told so.

use proptest::prelude::*;

use super::*;
use crate::error::DecodeError;

fn hello() -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        role: Role::Worker,
        name: "worker-7".into(),
        session: Session::truncate(u64::MAX),
        incarnation: 3,
        epoch: 2,
        received: 1 << 40,
        features: 0,
        build: "0.1.0 (abc)".into(),
    }
}

fn welcome() -> Welcome {
    Welcome {
        version: PROTOCOL_VERSION,
        epoch: 2,
        received: 9,
        grace: 5,
        ttl: 30_000,
        build: "0.1.0".into(),
        proof: Some([7; 32]),
    }
}

fn split(bytes: &[u8]) -> ([u8; PREFIX], &[u8]) {
    let (prefix, body) = bytes.split_first_chunk().unwrap();
    (*prefix, body)
}

#[test]
fn a_hello_is_heard_as_it_was_said() {
    for role in [Role::Client, Role::Data, Role::Worker] {
        let said = Hello { role, ..hello() };
        let bytes = encode_hello(&said).unwrap();
        let (prefix, body) = split(&bytes);
        assert_eq!(body_len(&prefix), Ok(body.len()));
        assert_eq!(decode_hello(&prefix, body), Ok(said));
    }
}

#[test]
fn a_reply_is_heard_as_it_was_said() {
    let reasons = [
        RefusedReason::Closing,
        RefusedReason::Full,
        RefusedReason::NameTaken,
        RefusedReason::SessionUnknown,
        RefusedReason::Superseded,
        RefusedReason::WrongRole,
        RefusedReason::WrongToken,
        RefusedReason::WrongCertificate,
    ];
    let refusals = reasons.map(|reason| Reply::Refused { reason });
    let others = [Reply::Welcome(welcome()), Reply::Challenge { nonce: [9; 32] }];
    for said in refusals.into_iter().chain(others) {
        let bytes = encode_reply(&said).unwrap();
        let (prefix, body) = split(&bytes);
        assert_eq!(body_len(&prefix), Ok(body.len()));
        assert_eq!(decode_reply(&prefix, body), Ok(said));
    }
}

#[test]
fn a_proof_is_heard_as_it_was_said() {
    let said = Proof { nonce: [1; 32], proof: [2; 32] };
    let bytes = encode_proof(&said).unwrap();
    let (prefix, body) = split(&bytes);
    assert_eq!(decode_proof(&prefix, body), Ok(said));
    let expected = HelloError::Unexpected { expected: "hello", found: "proof" };
    assert_eq!(decode_hello(&prefix, body), Err(expected));
    let expected = HelloError::Unexpected { expected: "reply", found: "proof" };
    assert_eq!(decode_reply(&prefix, body), Err(expected));
}

#[test]
fn another_version_is_known_by_its_prefix_whatever_follows() {
    let theirs = PROTOCOL_VERSION + 1;
    let error = HelloError::Version { ours: PROTOCOL_VERSION, theirs };
    let bytes = encode_hello(&Hello { version: theirs, ..hello() }).unwrap();
    let (mut prefix, body) = split(&bytes);
    prefix[10..].fill(0xff);
    assert_eq!(body_len(&prefix), Err(error.clone()));
    assert_eq!(decode_hello(&prefix, body), Err(error.clone()));
    assert_eq!(decode_reply(&prefix, &[]), Err(error.clone()));
    assert_eq!(
        error.to_string(),
        "the peer speaks version 2 of raddle's protocol, this program version 1; \
         run the same raddle on all machines"
    );
}

#[test]
fn what_is_not_raddle_is_quoted() {
    let said = *b"GET / HTTP/1.1\r\n";
    let error = body_len(&said).unwrap_err();
    assert_eq!(error, HelloError::NotRaddle { found: r"GET / HTTP/1.1\r\n".into() });
    assert_eq!(
        error.to_string(),
        r"the peer does not speak raddle, it says `GET / HTTP/1.1\r\n`; check its address and port"
    );
}

#[test]
fn a_greeting_is_no_larger_than_allowed() {
    let long = Hello { name: "x".repeat(MAX_HELLO), ..hello() };
    let too_large = |error| matches!(error, HelloError::TooLarge { length, limit: MAX_HELLO } if length > MAX_HELLO);
    assert!(too_large(encode_hello(&long).unwrap_err()));
    let bytes = encode_hello(&hello()).unwrap();
    let (mut prefix, _) = split(&bytes);
    prefix[10..12].fill(0xff);
    assert!(too_large(body_len(&prefix).unwrap_err()));
}

#[test]
fn a_greeting_of_the_other_side_is_not_taken_for_ones_own() {
    let bytes = encode_hello(&hello()).unwrap();
    let (prefix, body) = split(&bytes);
    let echo = HelloError::Unexpected { expected: "reply", found: "hello" };
    assert_eq!(decode_reply(&prefix, body), Err(echo));
    let replies = [
        (Reply::Welcome(welcome()), "welcome"),
        (Reply::Refused { reason: RefusedReason::Full }, "refusal"),
        (Reply::Challenge { nonce: [9; 32] }, "challenge"),
    ];
    for (reply, found) in replies {
        let bytes = encode_reply(&reply).unwrap();
        let (prefix, body) = split(&bytes);
        let expected = HelloError::Unexpected { expected: "proof", found };
        assert_eq!(decode_proof(&prefix, body), Err(expected));
        let expected = HelloError::Unexpected { expected: "hello", found };
        assert_eq!(decode_hello(&prefix, body), Err(expected));
    }
}

#[test]
fn a_body_that_is_no_greeting_is_an_error() {
    let mut bytes = encode(PROTOCOL_VERSION, &Body::Refused(RefusedReason::Full)).unwrap();
    bytes.push(0);
    bytes[10] += 1;
    let crc = checksum(&bytes[..CRC], &bytes[PREFIX..]);
    bytes[CRC..PREFIX].copy_from_slice(&crc.to_le_bytes());
    let (prefix, body) = split(&bytes);
    let trailing = HelloError::Decode(DecodeError::Trailing { left: 1 });
    assert_eq!(decode_reply(&prefix, body), Err(trailing));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_flipped_bit_goes_unnoticed(bit: usize) {
        let mut bytes = encode_hello(&hello()).unwrap();
        let bit = bit % (8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (prefix, body) = split(&bytes);
        prop_assert!(decode_hello(&prefix, body).is_err());
    }
}
