//! Tests of the codec: the format, the limits, and what hostile bytes can do.

use std::collections::BTreeMap;
use std::fmt;

use proptest::prelude::*;
use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serializer};
use smallvec::SmallVec;

use super::*;
use crate::limits::{MAX_DEPTH, MAX_EMPTY_ELEMENTS};

fn bytes_of<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes).unwrap();
    bytes
}

/// One of everything that serde knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Everything {
    unsigned: (u8, u16, u32, u64, u128),
    signed: (i8, i16, i32, i64, i128),
    floats: (f32, f64),
    truth: bool,
    letter: char,
    text: String,
    nothing: (),
    newtype: Newtype,
    pair: Pair,
    options: Vec<Option<u16>>,
    map: BTreeMap<String, Vec<i64>>,
    array: [u8; 3],
    choices: Vec<Choice>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Newtype(u64);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pair(String, i8);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Choice {
    Unit,
    Newtype(u32),
    Tuple(u8, String),
    Struct { left: i16, right: Box<Self> },
}

fn everything() -> impl Strategy<Value = Everything> {
    let choice = prop_oneof![
        Just(Choice::Unit),
        any::<u32>().prop_map(Choice::Newtype),
        (any::<u8>(), ".{0,4}").prop_map(|(number, text)| Choice::Tuple(number, text)),
    ];
    let choice = choice.prop_recursive(3, 4, 1, |inner| {
        let inner = inner.prop_map(Box::new);
        (any::<i16>(), inner).prop_map(|(left, right)| Choice::Struct { left, right })
    });
    let map = proptest::collection::btree_map(".{0,3}", any::<Vec<i64>>(), 0..3);
    let numbers = (any::<(u8, u16, u32, u64, u128)>(), any::<(i8, i16, i32, i64, i128)>());
    let scalars = any::<(f32, f64, bool, char, String, u64, i8, [u8; 3])>();
    let choices = proptest::collection::vec(choice, 0..4);
    (numbers, scalars, any::<Vec<Option<u16>>>(), map, choices).prop_map(
        |((unsigned, signed), scalars, options, map, choices)| {
            let (single, double, truth, letter, text, number, small, array) = scalars;
            Everything {
                unsigned,
                signed,
                floats: (single, double),
                truth,
                letter,
                nothing: (),
                newtype: Newtype(number),
                pair: Pair(text.chars().rev().collect(), small),
                text,
                options,
                map,
                array,
                choices,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn what_is_encoded_is_decoded(value in everything()) {
        let bytes = bytes_of(&value);
        prop_assert_eq!(encoded_len(&value).unwrap(), bytes.len());
        prop_assert_eq!(&decode::<Everything>(&bytes).unwrap(), &value);
        // The deserializer is ours, the format is bincode's: its own reads the same.
        let theirs = bincode::serde::decode_from_slice(&bytes, config::standard());
        prop_assert_eq!(theirs.unwrap(), (value, bytes.len()));
    }

    #[test]
    fn a_value_is_decoded_from_all_of_its_bytes_and_no_fewer(value in everything(), cut in any::<usize>()) {
        let mut bytes = bytes_of(&value);
        let part = &bytes[..cut % bytes.len()];
        prop_assert_eq!(decode::<Everything>(part), Err(DecodeError::Truncated));
        bytes.push(0);
        prop_assert_eq!(decode::<Everything>(&bytes), Err(DecodeError::Trailing { left: 1 }));
        let mut rest = &bytes[..];
        prop_assert_eq!(decode_next::<Everything>(&mut rest).unwrap(), value);
        prop_assert_eq!(rest, [0]);
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in any::<Vec<u8>>()) {
        let mut left = &bytes[..];
        match decode_next::<Everything>(&mut left) {
            Ok(_) => prop_assert!(left.len() < bytes.len()),
            Err(_) => prop_assert_eq!(left, &bytes[..]),
        }
    }

    #[test]
    fn a_bounded_encoding_is_the_whole_or_nothing(value in everything(), limit in 0_usize..400) {
        let bytes = bytes_of(&value);
        let expected = (bytes.len() <= limit).then_some(bytes);
        prop_assert_eq!(encode_bounded(&value, limit).unwrap(), expected);
    }
}

#[test]
fn numbers_take_the_bytes_they_need() {
    let sizes = [(0, 1), (250, 1), (251, 3), (u64::from(u16::MAX), 3), (1 << 16, 5), (1 << 32, 9)];
    for (number, size) in sizes {
        assert_eq!(bytes_of(&number).len(), size, "{number}");
        assert_eq!(decode::<u64>(&bytes_of(&number)), Ok(number));
    }
    assert_eq!(decode::<u16>(&bytes_of(&(1 << 16))), Err(DecodeError::Invalid { what: "u16" }));
    assert_eq!(decode::<u64>(&[255]), Err(DecodeError::Invalid { what: "number" }));
}

#[test]
fn a_bounded_encoding_stops_at_its_limit() {
    struct Endless<'a>(&'a std::cell::Cell<u64>);
    impl Serialize for Endless<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut elements = serializer.serialize_seq(Some(usize::MAX))?;
            loop {
                self.0.set(self.0.get() + 1);
                elements.serialize_element(&0_u8)?;
            }
        }
    }
    let elements = std::cell::Cell::new(0);
    assert_eq!(encode_bounded(&Endless(&elements), 109), Ok(None));
    assert_eq!(elements.get(), 101);
}

#[test]
fn a_value_that_refuses_leaves_nothing_behind() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    struct Unsized;
    impl Serialize for Unsized {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_seq(None)?.end()
        }
    }
    let refused = EncodeError::Message("not today".into());
    let mut out = vec![1, 2];
    assert_eq!(encode(&(7_u8, Refuses), &mut out), Err(refused.clone()));
    assert_eq!(encode(&(7_u8, Unsized), &mut out), Err(EncodeError::UnknownLength));
    assert_eq!(out, [1, 2]);
    assert_eq!(encode_bounded(&Refuses, 10), Err(refused.clone()));
    assert_eq!(encoded_len(&Refuses), Err(refused));
}

#[test]
fn a_claimed_length_is_refused_when_the_bytes_cannot_hold_it() {
    let claims = [1_u64 << 60, u64::MAX, u64::from(MAX_EMPTY_ELEMENTS) + 1];
    for claimed in claims {
        let bytes = bytes_of(&claimed);
        let too_long = Err(DecodeError::TooLong { claimed, left: 0 });
        assert_eq!(decode::<Vec<u64>>(&bytes).map(drop), too_long);
        assert_eq!(decode::<Vec<()>>(&bytes).map(drop), too_long);
        assert_eq!(decode::<SmallVec<[u64; 1]>>(&bytes).map(drop), too_long);
        assert_eq!(decode::<BTreeMap<u8, u8>>(&bytes).map(drop), too_long);
        assert_eq!(decode::<String>(&bytes).map(drop), Err(DecodeError::Truncated));
        assert_eq!(decode::<crate::payload::Blob>(&bytes).map(drop), Err(DecodeError::Truncated));
    }
}

/// Remembers for how many elements room was to be made.
#[derive(Debug)]
struct Room(Option<usize>);

impl<'de> Deserialize<'de> for Room {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ask;
        impl<'de> Visitor<'de> for Ask {
            type Value = Room;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Room, A::Error> {
                let room = Room(seq.size_hint());
                while seq.next_element::<u8>()?.is_some() {}
                Ok(room)
            }
        }
        deserializer.deserialize_seq(Ask)
    }
}

#[test]
fn a_sequence_is_given_room_for_a_fraction_of_what_the_bytes_could_be() {
    for (length, room) in [(0, 0), (10, 10), (16, 16), (160, 26), (1_600, 116), (100_000, 4_096)] {
        let found = decode::<Room>(&bytes_of(&vec![0_u8; length])).map(|room| room.0);
        assert_eq!(found, Ok(Some(room)), "{length} elements");
    }
}

#[test]
fn elements_without_bytes_are_limited_over_the_whole_value() {
    let most = MAX_EMPTY_ELEMENTS as usize;
    let units = |lists: usize| bytes_of(&vec![vec![(); most / 4]; lists]);
    assert_eq!(decode::<Vec<Vec<()>>>(&units(4)), Ok(vec![vec![(); most / 4]; 4]));
    assert!(matches!(decode::<Vec<Vec<()>>>(&units(5)), Err(DecodeError::TooLong { .. })));
    // However many bytes follow, they do not make room for more.
    let mut padded = bytes_of(&(most as u64 + 9));
    padded.resize(4 * most, 0);
    let mut left = &padded[..];
    assert!(matches!(decode_next::<Vec<()>>(&mut left), Err(DecodeError::TooLong { .. })));
}

#[test]
fn nesting_is_limited() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Tree(Vec<Self>);
    fn tree(depth: u32) -> Tree {
        (1..depth).fold(Tree(vec![]), |inner, _| Tree(vec![inner]))
    }
    assert_eq!(decode(&bytes_of(&tree(MAX_DEPTH))), Ok(tree(MAX_DEPTH)));
    assert_eq!(decode::<Tree>(&bytes_of(&tree(MAX_DEPTH + 1))), Err(DecodeError::TooDeep));

    #[derive(Debug, PartialEq, Deserialize)]
    struct Chain(Option<Box<Self>>);
    assert_eq!(decode::<Chain>(&[1; 1 << 20]), Err(DecodeError::TooDeep));
    assert!(matches!(decode::<Choice>(&[3; 1 << 20]), Err(DecodeError::TooDeep)));
}

#[test]
fn siblings_do_not_add_up_to_nesting() {
    let value = vec![Some(Choice::Tuple(1, "x".into())); 1000];
    assert_eq!(decode(&bytes_of(&value)), Ok(value));
}

#[test]
fn what_no_value_looks_like_is_named() {
    let invalid = |what| DecodeError::Invalid { what };
    assert_eq!(decode::<bool>(&[2]), Err(invalid("bool")));
    assert_eq!(decode::<Option<u8>>(&[2, 0]), Err(invalid("option")));
    assert_eq!(decode::<String>(&[1, 0xff]), Err(invalid("string")));
    assert_eq!(decode::<char>(&[0xff]), Err(invalid("char")));
    let unknown = decode::<Choice>(&[9]).unwrap_err();
    assert!(matches!(unknown, DecodeError::Message(_)), "{unknown}");

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        #[allow(dead_code, reason = "only its type matters")]
        Number(u8),
    }
    assert_eq!(decode::<Untagged>(&[1]), Err(DecodeError::NotSelfDescribing));
}
