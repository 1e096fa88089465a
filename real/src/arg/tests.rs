//! Each form of an argument, from the caller to the parameter.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;
use raddle_net::payload::Blob;
use serde::{Deserialize, Serialize};

use super::*;
use crate::error::TaskError;
use crate::future::TaskFuture;
use crate::task::fixture::futures;
use crate::value::Value;

fn written<P>(argument: impl IntoArg<P>) -> (Blob, usize) {
    let mut writer = ArgWriter::new();
    writer.push::<P>(argument);
    let Written { args, dependencies, refused, .. } = writer.finish();
    assert_eq!(refused, None);
    (Blob::from(args), dependencies.len())
}

/// Passes an argument to a parameter of the type, with the values of its futures.
macro_rules! pass {
    ($parameter:ty, $argument:expr, [$($input:expr),*]) => {{
        let inputs: Vec<Arc<Value>> = vec![$(Arc::new(Value::new($input))),*];
        let (args, dependencies) = written::<$parameter>($argument);
        assert_eq!(dependencies, inputs.len());
        let mut reader = ArgReader::new(args, inputs);
        let value: $parameter = (&&&&Param::<$parameter>::new()).take(&mut reader).unwrap();
        reader.finish().unwrap();
        value
    }};
}

#[test]
fn a_value_is_passed_as_it_is_or_by_reference() {
    assert_eq!(pass!(u64, 7, []), 7);
    assert_eq!(pass!(u64, &7, []), 7);
    assert_eq!(pass!((u8, String), (1, "a".to_owned()), []), (1, "a".to_owned()));
    assert_eq!(pass!(Option<u64>, Some(3), []), Some(3));
    assert_eq!(pass!(Option<u64>, None::<u64>, []), None);
}

#[test]
fn text_is_passed_in_every_form() {
    let (text, [future]) = ("text".to_owned(), futures::<String, 1>());
    assert_eq!(pass!(String, "text", []), text);
    assert_eq!(pass!(String, &text, []), text);
    assert_eq!(pass!(String, text.clone(), []), text);
    assert_eq!(pass!(String, &future, [text.clone()]), text);
    assert_eq!(pass!(String, future, [text.clone()]), text);
}

#[test]
fn vectors_are_passed_in_every_form() {
    let (vector, [future]) = (vec![1_u32, 2, 300], futures::<Vec<u32>, 1>());
    assert_eq!(pass!(Vec<u32>, [1, 2, 300], []), vector);
    assert_eq!(pass!(Vec<u32>, &[1, 2, 300], []), vector);
    assert_eq!(pass!(Vec<u32>, &vector[..], []), vector);
    assert_eq!(pass!(Vec<u32>, &vector, []), vector);
    assert_eq!(pass!(Vec<u32>, vector.clone(), []), vector);
    assert_eq!(pass!(Vec<u32>, future, [vector.clone()]), vector);
}

#[test]
fn bytes_are_passed_in_every_form() {
    let (vector, [future]) = (vec![1_u8, 255], futures::<Bytes, 1>());
    assert_eq!(pass!(Vec<u8>, vector.clone(), []), vector);
    assert_eq!(pass!(Vec<u8>, &vector[..], []), vector);
    assert_eq!(pass!(Vec<u8>, *b"ab", []), *b"ab");
    assert_eq!(pass!(Vec<u8>, Vec::<u8>::new(), []), Vec::<u8>::new());
    assert_eq!(pass!(Vec<u8>, &[] as &[u8], []), Vec::<u8>::new());
    assert_eq!(pass!(Bytes, Bytes::from(vector.clone()), []), vector);
    assert_eq!(pass!(Bytes, future, [vector.clone()]), vector);
}

#[test]
fn futures_of_the_parts_are_passed_for_the_whole() {
    let make = futures::<u64, 3>;
    let whole = vec![5_u64, 6, 7];
    assert_eq!(pass!(Vec<u64>, make(), [5_u64, 6_u64, 7_u64]), whole);
    assert_eq!(pass!(Vec<u64>, &make(), [5_u64, 6_u64, 7_u64]), whole);
    assert_eq!(pass!(Vec<u64>, &make()[..], [5_u64, 6_u64, 7_u64]), whole);
    assert_eq!(pass!(Vec<u64>, make().to_vec(), [5_u64, 6_u64, 7_u64]), whole);
    assert_eq!(pass!(Vec<u64>, &make().to_vec(), [5_u64, 6_u64, 7_u64]), whole);

    let [one, two, _] = make();
    assert_eq!(pass!(Option<u64>, Some(one.clone()), [5_u64]), Some(5));
    assert_eq!(pass!(Option<u64>, None::<TaskFuture<u64>>, []), None);
    let map = BTreeMap::from([("a".to_owned(), one), ("b".to_owned(), two)]);
    let values = BTreeMap::from([("a".to_owned(), 5), ("b".to_owned(), 6)]);
    assert_eq!(pass!(BTreeMap<String, u64>, map, [5_u64, 6_u64]), values);
}

#[test]
fn a_whole_may_be_one_future_too() {
    let [vector] = futures::<Vec<u64>, 1>();
    assert_eq!(pass!(Vec<u64>, vector, [vec![1_u64]]), [1]);
    let [option] = futures::<Option<u64>, 1>();
    assert_eq!(pass!(Option<u64>, &option, [Some(1_u64)]), Some(1));
    let [map] = futures::<BTreeMap<u8, u64>, 1>();
    let value = BTreeMap::from([(1_u8, 2_u64)]);
    assert_eq!(pass!(BTreeMap<u8, u64>, map, [value.clone()]), value);
}

#[test]
fn a_future_that_is_passed_twice_is_one_dependency() {
    let [one, two] = futures::<String, 2>();
    let list = vec![one.clone(), two, one];
    let values = [Value::new("a".to_owned()), Value::new("b".to_owned())];
    let (args, dependencies) = written::<Vec<String>>(list);
    assert_eq!(dependencies, 2);
    let mut reader = ArgReader::new(args, values.map(Arc::new).into());
    let read: Vec<String> = (&&&&Param::<Vec<String>>::new()).take(&mut reader).unwrap();
    assert_eq!((read, reader.finish()), (vec!["a".into(), "b".into(), "a".into()], Ok(())));
}

#[test]
fn many_futures_are_found_again() {
    let made = futures::<u64, 50>();
    let list: Vec<_> = made.iter().chain(made.iter().rev()).cloned().collect();
    let (args, dependencies) = written::<Vec<u64>>(list);
    assert_eq!(dependencies, 50);
    let inputs = (0..50_u64).map(|number| Arc::new(Value::new(number))).collect();
    let mut reader = ArgReader::new(args, inputs);
    let read: Vec<u64> = (&&&&Param::<Vec<u64>>::new()).take(&mut reader).unwrap();
    assert_eq!(read, (0..50).chain((0..50).rev()).collect::<Vec<_>>());
}

thread_local!(static CLONES: Cell<u32> = const { Cell::new(0) });

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Counted(u64);

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.set(CLONES.get() + 1);
        Self(self.0)
    }
}

/// As [`Counted`], but it cannot be cloned.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Single(u64);

#[test]
fn a_value_is_moved_out_of_its_last_handle_and_else_cloned() {
    let [one, two] = futures::<Counted, 2>();
    assert_eq!(pass!(Counted, &one, [Counted(1)]), Counted(1));
    assert_eq!(
        pass!(Vec<Counted>, [&one, &two].map(Clone::clone), [Counted(1), Counted(2)]).len(),
        2
    );
    assert_eq!(CLONES.get(), 0);

    let kept = Arc::new(Value::new(Counted(3)));
    let (args, _) = written::<Counted>(&one);
    let mut reader = ArgReader::new(args, vec![Arc::clone(&kept)]);
    assert_eq!((&&&&Param::<Counted>::new()).take(&mut reader), Ok(Counted(3)));
    assert_eq!((CLONES.get(), kept.get()), (1, Some(&Counted(3))));
}

#[test]
fn a_type_that_cannot_be_cloned_is_moved_or_decoded() {
    let [one] = futures::<Single, 1>();
    assert_eq!(pass!(Single, &one, [Single(1)]), Single(1));
    assert_eq!(pass!(Vec<Single>, vec![one.clone()], [Single(2)]), [Single(2)]);
    let kept = Arc::new(Value::new(Single(3)));
    let (args, _) = written::<Single>(&one);
    let mut reader = ArgReader::new(args, vec![Arc::clone(&kept)]);
    assert_eq!((&&&&Param::<Single>::new()).take(&mut reader), Ok(Single(3)));
    assert_eq!(kept.get(), Some(&Single(3)));
}

#[test]
fn a_borrowed_argument_stays_in_its_handle() {
    let [one] = futures::<Counted, 1>();
    let kept = Arc::new(Value::new(Counted(3)));
    let (args, _) = written::<Counted>(&one);
    let mut reader = ArgReader::new(args, vec![Arc::clone(&kept)]);
    let take = |reader: &mut ArgReader| (&&&&Param::<Counted>::new()).take(reader);
    let borrowed = reader.borrow(take).unwrap();
    assert!(std::ptr::eq::<Counted>(&*borrowed, kept.get().unwrap()));
    assert_eq!(CLONES.get(), 0);

    let mut reader = ArgReader::new(written::<Counted>(Counted(4)).0, Vec::new());
    assert_eq!(*reader.borrow(take).unwrap(), Counted(4));
}

#[test]
fn a_small_call_has_few_bytes() {
    let [one] = futures::<u64, 1>();
    let mut writer = ArgWriter::new();
    writer.push::<u64>(one);
    writer.push::<u64>(2);
    writer.push::<String>("ab");
    let Written { args: bytes, dependencies, refused, .. } = writer.finish();
    assert_eq!((bytes.len(), dependencies.len(), refused), (1 + 2 + 4, 1, None));
}

/// Refuses to be serialized.
#[derive(Deserialize)]
struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not me"))
    }
}

#[test]
fn an_argument_that_cannot_be_serialized_refuses_the_call() {
    let mut writer = ArgWriter::new();
    writer.push::<Stubborn>(Stubborn);
    writer.push::<u64>(1);
    let reason = "an argument cannot be sent: the value cannot be serialized: not me";
    assert_eq!(writer.finish().refused.as_deref(), Some(reason));
}

/// Reads what may be anything.
fn read_all(args: &[u8]) -> Result<(Vec<String>, BTreeMap<u8, u64>), TaskError> {
    let inputs = vec![Arc::new(Value::new("a".to_owned())), Arc::new(Value::new(5_u64))];
    let mut reader = ArgReader::new(Blob::from(args), inputs);
    let texts = (&&&&Param::<Vec<String>>::new()).take(&mut reader)?;
    let map = (&&&&Param::<BTreeMap<u8, u64>>::new()).take(&mut reader)?;
    reader.finish().map(|()| (texts, map))
}

#[test]
fn damaged_arguments_are_an_error_or_other_arguments_and_never_a_panic() {
    let ([text], [number]) = (futures::<String, 1>(), futures::<u64, 1>());
    let mut writer = ArgWriter::new();
    writer.push::<Vec<String>>([text]);
    // Of another hub: its key may be the same, so it is written by hand.
    writer.head(Node::Map, 1);
    writer.inline(&9_u8);
    writer.head(Node::Input, 1);
    drop(number);
    let bytes = writer.finish().args;
    assert_eq!(read_all(&bytes), Ok((vec!["a".into()], BTreeMap::from([(9, 5)]))));
    for end in 0..bytes.len() {
        assert!(read_all(&bytes[..end]).is_err(), "{end}");
    }
    for place in 0..bytes.len() {
        for byte in 0..=u8::MAX {
            let mut damaged = bytes.clone();
            damaged[place] = byte;
            if let Err(error) = read_all(&damaged) {
                assert!(matches!(error, TaskError::Decode { .. }), "{error}");
            }
        }
    }
    let more = [&bytes[..], &[0]].concat();
    let error = "a value was not what its reader expected: the arguments of the task; it was 1 \
                 bytes more";
    assert_eq!(read_all(&more).map_err(|error| error.to_string()), Err(error.to_owned()));
}

#[test]
fn what_is_large_travels_apart_and_equal_ones_once() {
    let (large, other) = (vec![1_u8; SCATTER_ARGS + 1], vec![2_u64; SCATTER_ARGS]);
    let mut writer = ArgWriter::new();
    writer.push::<Vec<u8>>(&large);
    writer.push::<u64>(7);
    writer.push::<Vec<u64>>(&other[..]);
    writer.push::<Vec<u8>>(large.clone());
    let Written { args, dependencies, data, refused, .. } = writer.finish();
    assert_eq!((dependencies.len(), refused), (2, None));
    assert!(args.len() < 10, "{} bytes", args.len());
    let [(0, first), (1, second)] = &data[..] else { panic!("{} of them", data.len()) };
    let inputs = vec![Arc::clone(first), Arc::clone(second)];
    let mut reader = ArgReader::new(Blob::from(args), inputs);
    assert_eq!((&&&&Param::<Vec<u8>>::new()).take(&mut reader), Ok(large.clone()));
    assert_eq!((&&&&Param::<u64>::new()).take(&mut reader), Ok(7));
    assert_eq!((&&&&Param::<Vec<u64>>::new()).take(&mut reader), Ok(other));
    assert_eq!((&&&&Param::<Vec<u8>>::new()).take(&mut reader), Ok(large));
    assert_eq!(reader.finish(), Ok(()));
}
