//! Values: what is moved, cloned, decoded, measured and refused.

use std::cell::Cell;

use serde::{Deserialize, Serializer};

use super::*;

thread_local! {
    static CLONES: Cell<u32> = const { Cell::new(0) };
    static DECODES: Cell<u32> = const { Cell::new(0) };
}

/// Counts what is done to it on this thread.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Counted(u64);

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.set(CLONES.get() + 1);
        Self(self.0)
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DECODES.set(DECODES.get() + 1);
        u64::deserialize(deserializer).map(Self)
    }
}

/// Clones and decodes so far.
fn counts() -> (u32, u32) {
    (CLONES.get(), DECODES.get())
}

/// Cannot be serialized.
#[derive(Debug, Deserialize)]
struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not me"))
    }
}

fn value<T: TaskValue>(value: T) -> Arc<Value> {
    Arc::new(Value::new(value))
}

/// What arrives elsewhere.
fn sent<T: TaskValue>(value: T) -> Arc<Value> {
    let value = Value::new(value);
    Arc::new(Value::from_bytes(value.value_type(), value.bytes().unwrap()))
}

fn decode_error(expected: &str, found: &str) -> TaskError {
    TaskError::Decode { expected: expected.into(), found: found.into() }
}

#[test]
fn the_last_handle_gives_the_value_away() {
    assert_eq!(value(Counted(5)).take::<Counted>(), Ok(Counted(5)));
    assert_eq!(value(Counted(6)).take_or_clone::<Counted>(), Ok(Counted(6)));
    assert_eq!(counts(), (0, 0));
}

#[test]
fn a_shared_value_is_cloned_where_that_is_possible_and_else_decoded() {
    let shared = value(Counted(5));
    assert_eq!(Arc::clone(&shared).take_or_clone::<Counted>(), Ok(Counted(5)));
    assert_eq!(counts(), (1, 0));
    assert_eq!(Arc::clone(&shared).take::<Counted>(), Ok(Counted(5)));
    assert_eq!(counts(), (1, 1));
}

#[test]
fn a_value_that_came_as_bytes_is_decoded_once_for_all_who_borrow_it() {
    let arrived = sent(Counted(5));
    let first: *const Counted = arrived.borrow().unwrap().unwrap();
    let second: *const Counted = arrived.borrow().unwrap().unwrap();
    assert!(std::ptr::eq(first, second));
    assert_eq!(counts(), (0, 1));
    assert_eq!(arrived.take::<Counted>(), Ok(Counted(5)));
    assert_eq!(counts(), (0, 1));
}

#[test]
fn another_type_is_an_error_that_names_both() {
    let text = value("five".to_owned());
    let error = decode_error("a `u64`", "a `alloc::string::String`");
    // The reader then tries to decode it.
    assert_eq!((text.borrow::<u64>(), text.decode::<u64>()), (Ok(None), Err(error.clone())));
    assert_eq!(Arc::clone(&text).take_or_clone::<u64>(), Err(error.clone()));
    assert_eq!(text.take::<u64>(), Err(error));

    let Err(TaskError::Decode { expected, found }) = sent("five".to_owned()).take::<u64>() else {
        panic!("text is no number")
    };
    assert_eq!(expected, "a `u64`");
    assert!(found.starts_with("5 bytes of another type (fingerprint "), "{found}");
    let error = decode_error("a `alloc::string::String`", "3 raw bytes");
    assert_eq!(sent(vec![1_u8, 2, 3]).take::<String>(), Err(error));
}

#[test]
fn bytes_that_do_not_keep_their_promise_are_an_error() {
    let promised = Value::new(300_u64).value_type();
    let broken = Arc::new(Value::from_bytes(promised, Bytes::from_static(&[251])));
    let Err(TaskError::Decode { expected, found }) = broken.take::<u64>() else {
        panic!("half a number is none")
    };
    assert_eq!(expected, "a `u64`");
    assert!(!found.is_empty());
}

#[test]
fn bytes_and_vectors_of_bytes_are_read_as_each_other() {
    assert_eq!(value(vec![1_u8, 2]).take::<Bytes>().unwrap(), Bytes::from_static(&[1, 2]));
    assert_eq!(value(Bytes::from_static(&[1, 2])).take::<Vec<u8>>(), Ok(vec![1, 2]));
    assert_eq!(value(vec![1_u8, 2]).borrow::<Bytes>(), Ok(None));
    assert_eq!(sent(Bytes::from_static(&[3])).take::<Vec<u8>>(), Ok(vec![3]));
}

#[test]
fn bytes_are_never_copied() {
    let data = Bytes::from(vec![7_u8; 100]);
    let made = value(data.clone());
    let bytes = made.bytes().unwrap();
    let arrived = Arc::new(Value::from_bytes(made.value_type(), bytes.clone()));
    let borrowed = arrived.borrow::<Bytes>().unwrap().unwrap().as_ptr();
    let taken = arrived.take::<Bytes>().unwrap();
    let places = [bytes.as_ptr(), borrowed, taken.as_ptr()];
    assert_eq!(places, [data.as_ptr(); 3]);
}

#[test]
fn sizes_are_exact_for_common_types_and_those_of_the_encoding_for_others() {
    let sizes = [
        Value::new(7_u64).nbytes(),
        Value::new("seven".to_owned()).nbytes(),
        Value::new(vec![0.5_f64; 10]).nbytes(),
        Value::new(vec![1_u8; 10]).nbytes(),
        Value::new(Bytes::from_static(b"abc")).nbytes(),
        Value::new(()).nbytes(),
        Value::new((1_u64, 2_u64)).nbytes(),
        sent("seven".to_owned()).nbytes(),
    ];
    assert_eq!(sizes, [8, 5, 80, 10, 3, 0, 2, 6]);
}

#[test]
fn a_small_value_travels_in_a_message() {
    for text in ["", "a", &"x".repeat(INLINE_VALUE - 1)] {
        let small = Value::new(text.to_owned()).inline().unwrap();
        assert_eq!(sent(text.to_owned()).inline(), Some(small.clone()));
        assert_eq!(Arc::new(Value::from_small(&small)).take(), Ok(text.to_owned()));
    }
    let long = "x".repeat(INLINE_VALUE);
    assert_eq!((Value::new(long.clone()).inline(), sent(long).inline()), (None, None));
    for (length, fits) in [(INLINE_VALUE, true), (INLINE_VALUE + 1, false)] {
        assert_eq!(Value::new(vec![1_u8; length]).inline().is_some(), fits);
        assert_eq!(Value::new(Bytes::from(vec![1_u8; length])).inline().is_some(), fits);
    }
}

#[test]
fn a_value_that_cannot_be_serialized_says_so_to_whoever_wants_its_bytes() {
    let error = Value::checked(Stubborn).err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("the value cannot be serialized: not me"));
    let stubborn = Value::new(Stubborn);
    assert_eq!((stubborn.nbytes(), stubborn.inline()), (0, None));
    let expected = format!("a `{}` that can be sent", std::any::type_name::<Stubborn>());
    let error = decode_error(&expected, "the value cannot be serialized: not me");
    assert_eq!(stubborn.bytes(), Err(error));
    // Nobody asks for the bytes of a value that stays where it is.
    assert!(Arc::new(stubborn).take::<Stubborn>().is_ok());
}
