//! First words, from either side: nobody is taken for raddle, or for the same version of it, who is
//! not.

use raddle_net::error::HelloError;
use raddle_net::hello::{
    Hello, PREFIX, Proof, RefusedReason, Reply, Secret, Welcome, body_len, decode_hello,
    decode_proof, decode_reply, encode_hello, encode_proof, encode_reply,
};
use raddle_net::limits::{MAX_HELLO, PROTOCOL_VERSION};

use super::choices::Choices;
use super::draw::draw;
use super::names::Names;

/// Bytes that somebody says first; or words of ours, and what becomes of them on the way.
pub fn hello(data: &[u8]) {
    let choices = &mut Choices::new(data);
    match choices.below(5) {
        0 => anything(choices.clone().rest()),
        1 | 2 => dials(choices),
        3 => answers(choices),
        4.. => proves(choices),
    }
}

/// What was understood can be said.
fn anything(bytes: &[u8]) {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else { return };
    let Ok(len) = body_len(prefix) else { return };
    let body = &rest[..len.min(rest.len())];
    let (hello, reply) = (decode_hello(prefix, body), decode_reply(prefix, body));
    let proof = decode_proof(prefix, body);
    let understood_as =
        usize::from(hello.is_ok()) + usize::from(reply.is_ok()) + usize::from(proof.is_ok());
    assert!(understood_as <= 1, "one of them at most");
    if let Ok(hello) = hello {
        let again = encode_hello(&hello).expect("what was read can be written");
        assert_eq!(understood(&again, decode_hello), Ok(hello));
    }
    if let Ok(reply) = reply {
        let again = encode_reply(&reply).expect("what was read can be written");
        assert_eq!(understood(&again, decode_reply), Ok(reply));
    }
}

/// The side that dials says hello.
fn dials(choices: &mut Choices<'_>) {
    let version = version(choices);
    let (wrong_bit, name) = (choices.number(), choices.number() as usize);
    let Some(hello) = draw::<Hello>(choices, &Names::default()) else { return };
    // Now and then it has more to say than it may.
    let name = if name > 250 { "x".repeat(name % (2 * MAX_HELLO)) } else { hello.name.clone() };
    let hello = Hello { version, name, ..hello };
    let encoded = encode_hello(&hello);
    let Ok(bytes) = encoded else {
        let is_too_large =
            matches!(encoded, Err(HelloError::TooLarge { length, .. }) if length > MAX_HELLO);
        return assert!(is_too_large, "{encoded:?}");
    };
    judge(&bytes, version, hello, decode_hello);
    damaged(&bytes, wrong_bit);
    let other = understood(&bytes, decode_reply);
    assert!(other.is_err(), "a hello is no reply: {other:?}");
}

/// The side that was dialled answers.
fn answers(choices: &mut Choices<'_>) {
    let version = version(choices);
    let wrong_bit = choices.number();
    let reply = match choices.below(3) {
        0 => draw::<RefusedReason>(choices, &Names::default())
            .map(|reason| Reply::Refused { reason }),
        1 => draw::<Secret>(choices, &Names::default()).map(|nonce| Reply::Challenge { nonce }),
        2.. => draw::<Welcome>(choices, &Names::default())
            .map(|welcome| Reply::Welcome(Welcome { version, ..welcome })),
    };
    let Some(reply) = reply else { return };
    let version = match &reply {
        Reply::Challenge { .. } | Reply::Refused { .. } => PROTOCOL_VERSION,
        Reply::Welcome(welcome) => welcome.version,
    };
    let bytes = encode_reply(&reply).expect("it is short");
    judge(&bytes, version, reply, decode_reply);
    damaged(&bytes, wrong_bit);
    let other = understood(&bytes, decode_hello);
    assert!(other.is_err(), "a reply is no hello: {other:?}");
}

/// The side that dialled answers a challenge.
fn proves(choices: &mut Choices<'_>) {
    let wrong_bit = choices.number();
    let Some(proof) = draw::<Proof>(choices, &Names::default()) else { return };
    let bytes = encode_proof(&proof).expect("it is short");
    judge(&bytes, PROTOCOL_VERSION, proof, decode_proof);
    damaged(&bytes, wrong_bit);
    let (hello, reply) = (understood(&bytes, decode_hello), understood(&bytes, decode_reply));
    assert!(hello.is_err() && reply.is_err(), "a proof is nothing else");
}

/// The version of somebody: ours, a neighbour, or any.
fn version(choices: &mut Choices<'_>) -> u16 {
    match choices.below(4) {
        0 | 1 => PROTOCOL_VERSION,
        2 => PROTOCOL_VERSION.wrapping_add(u16::from(choices.byte())),
        3.. => choices.number() as u16,
    }
}

/// Words of our version are understood as they were meant; of those of another, exactly the version.
fn judge<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    version: u16,
    words: T,
    decode: fn(&[u8; PREFIX], &[u8]) -> Result<T, HelloError>,
) {
    let expected = match version == PROTOCOL_VERSION {
        true => Ok(words),
        false => Err(HelloError::Version { ours: PROTOCOL_VERSION, theirs: version }),
    };
    assert_eq!(understood(bytes, decode), expected);
}

/// With one wrong bit they are words of nobody.
fn damaged(bytes: &[u8], bit: u64) {
    let bit = bit as usize % (bytes.len() * 8);
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    let (hello, reply) = (understood(&bytes, decode_hello), understood(&bytes, decode_reply));
    assert!(hello.is_err() && reply.is_err(), "the wrong bit {bit} is seen");
}

/// What the other side understands, which reads as many bytes as the prefix says.
fn understood<T>(
    bytes: &[u8],
    decode: fn(&[u8; PREFIX], &[u8]) -> Result<T, HelloError>,
) -> Result<T, HelloError> {
    let (prefix, body) = bytes.split_first_chunk().expect("it begins with a prefix");
    let len = body_len(prefix)?;
    decode(prefix, &body[..len.min(body.len())])
}
